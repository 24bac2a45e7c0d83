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
// The instruction answers after three cycles but starts one each cycle, so three streams of a block
// run side by side and are joined by shifting the first two over the bytes that follow them.
enum { STREAM = 4096 };

// The product of two polynomials over GF(2) modulo the CRC polynomial, both in reflected bit order.
static uint32_t multiply(uint32_t a, uint32_t b) {
    uint32_t product = 0;
    for (uint32_t bit = 0x80000000u; bit != 0; bit >>= 1) {
        if (a & bit) product ^= b;
        b = (b >> 1) ^ ((b & 1) ? 0x82f63b78u : 0);
    }
    return product;
}

// x^(8 * STREAM), by repeated squaring; multiplying by it appends STREAM zero bytes to a checksum.
static uint32_t x_to_stream_bits(void) {
    uint32_t power = 0x00800000u;  // x^8, in reflected order
    for (int bytes = 1; bytes < STREAM; bytes *= 2) power = multiply(power, power);
    return power;
}

CRC_TARGET static uint32_t crc_instruction(uint32_t crc, const uint8_t *p, size_t count) {
    if (count >= 3 * STREAM) {
        const uint32_t shift = x_to_stream_bits();
        while (count >= 3 * STREAM) {
            uint32_t a = crc, b = 0, c = 0;
            for (size_t i = 0; i < STREAM; i += 8) {
                uint64_t wa, wb, wc;
                memcpy(&wa, p + i, 8);
                memcpy(&wb, p + STREAM + i, 8);
                memcpy(&wc, p + 2 * STREAM + i, 8);
                a = CRC_U64(a, wa);
                b = CRC_U64(b, wb);
                c = CRC_U64(c, wc);
            }
            crc = c ^ multiply(shift, b ^ multiply(shift, a));
            p += 3 * STREAM;
            count -= 3 * STREAM;
        }
    }
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
