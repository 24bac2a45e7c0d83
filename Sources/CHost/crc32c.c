#include "chost.h"

#include <string.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#ifndef HWCAP_CRC32
#define HWCAP_CRC32 (1 << 7)
#endif
#endif

// Bit by bit over a table of nibbles: 64 bytes of table, for processors without the instruction.
static uint32_t crc_portable(uint32_t crc, const uint8_t *p, size_t count) {
    static const uint32_t nibble[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
        0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    for (size_t i = 0; i < count; i++) {
        crc ^= p[i];
        crc = (crc >> 4) ^ nibble[crc & 15];
        crc = (crc >> 4) ^ nibble[crc & 15];
    }
    return crc;
}

#if defined(__x86_64__)
#define CRC_TARGET __attribute__((target("sse4.2")))
#define CRC_U64(crc, word) ((uint32_t)__builtin_ia32_crc32di((crc), (word)))
#define CRC_U8(crc, byte) __builtin_ia32_crc32qi((crc), (byte))
static int has_instruction(void) { return __builtin_cpu_supports("sse4.2"); }
#elif defined(__aarch64__)
#if defined(__clang__)
#define CRC_TARGET __attribute__((target("crc")))
#else
#define CRC_TARGET __attribute__((target("+crc")))
#endif
#define CRC_U64(crc, word) crc_u64_arm((crc), (word))
#define CRC_U8(crc, byte) crc_u8_arm((crc), (byte))
static inline uint32_t crc_u64_arm(uint32_t crc, uint64_t word) {
    __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(word));
    return crc;
}
static inline uint32_t crc_u8_arm(uint32_t crc, uint8_t byte) {
    __asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(crc) : "r"((uint32_t)byte));
    return crc;
}
static int has_instruction(void) { return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0; }
#endif

#if defined(CRC_TARGET)
// The instruction answers after three cycles but starts one each cycle, so three streams of a block run side by
// side and are joined by shifting the first two over the bytes that follow them. Long streams for long blocks, and
// short ones for what is left: a channel has one or two thousand bytes.
enum { LONG = 512, SHORT = 64 };

// A checksum followed by so many zero bytes, for each value of each of its eight nibbles.
static uint32_t over_long[8][16], over_short[8][16];

// The product of two polynomials over GF(2) modulo the CRC polynomial, both in reflected bit order.
static uint32_t multiply(uint32_t a, uint32_t b) {
    uint32_t product = 0;
    for (uint32_t bit = 0x80000000u; bit != 0; bit >>= 1) {
        if (a & bit) product ^= b;
        b = (b >> 1) ^ ((b & 1) ? 0x82f63b78u : 0);
    }
    return product;
}

static void fill(uint32_t table[8][16], int stream) {
    uint32_t power = 0x00800000u;  // x^8, in reflected order
    for (int bytes = 1; bytes < stream; bytes *= 2) power = multiply(power, power);
    for (uint32_t place = 0; place < 8; place++)
        for (uint32_t value = 0; value < 16; value++) table[place][value] = multiply(power, value << (4 * place));
}

__attribute__((constructor)) static void fill_tables(void) {
    fill(over_long, LONG);
    fill(over_short, SHORT);
}

static inline uint32_t shifted(const uint32_t table[8][16], uint32_t crc) {
    return table[0][crc & 15] ^ table[1][crc >> 4 & 15] ^ table[2][crc >> 8 & 15] ^ table[3][crc >> 12 & 15] ^
           table[4][crc >> 16 & 15] ^ table[5][crc >> 20 & 15] ^ table[6][crc >> 24 & 15] ^ table[7][crc >> 28];
}

// Asks for the streams of the block after next as well: that three go forward side by side hides from a processor that
// all of it is wanted. A third less time over a mapped file on Zen 3. Past the end it asks for at most 3 KiB in vain.
CRC_TARGET static inline uint32_t three_streams(uint32_t crc, const uint8_t *p, size_t stream,
                                                const uint32_t table[8][16]) {
    uint32_t a = crc, b = 0, c = 0;
    for (size_t i = 0; i < stream; i += 8) {
        if (stream == LONG && i % 64 == 0)
            for (size_t of = 0; of < 3; of++) __builtin_prefetch(p + (6 + of) * stream + i);
        uint64_t wa, wb, wc;
        memcpy(&wa, p + i, 8);
        memcpy(&wb, p + stream + i, 8);
        memcpy(&wc, p + 2 * stream + i, 8);
        a = CRC_U64(a, wa);
        b = CRC_U64(b, wb);
        c = CRC_U64(c, wc);
    }
    return c ^ shifted(table, b ^ shifted(table, a));
}

CRC_TARGET static uint32_t crc_instruction(uint32_t crc, const uint8_t *p, size_t count) {
    for (; count >= 3 * LONG; p += 3 * LONG, count -= 3 * LONG) crc = three_streams(crc, p, LONG, over_long);
    for (; count >= 3 * SHORT; p += 3 * SHORT, count -= 3 * SHORT) crc = three_streams(crc, p, SHORT, over_short);
    for (; count >= 8; p += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        crc = CRC_U64(crc, word);
    }
    for (; count > 0; p++, count--) crc = CRC_U8(crc, *p);
    return crc;
}
#endif

uint32_t ch_crc32c(uint32_t crc, const void *bytes, size_t count) {
#if defined(CRC_TARGET)
    if (has_instruction()) return ~crc_instruction(~crc, bytes, count);
#endif
    return ~crc_portable(~crc, bytes, count);
}
