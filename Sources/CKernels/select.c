#include "ck_internal.h"

#if defined(__aarch64__)
#include <sys/auxv.h>
#ifndef HWCAP_ASIMDDP
#define HWCAP_ASIMDDP (1 << 20)
#endif
#ifndef HWCAP2_I8MM
#define HWCAP2_I8MM (1 << 13)
#endif
#endif

#if defined(__x86_64__)
#include <cpuid.h>

int ck_asks_second_cache = 1;

// Zen 5 is the first family of AMD's, 26, whose first cache can wait for enough lines.
static __attribute__((constructor)) void look_at_core(void) {
    unsigned version, ebx, ecx, edx;
    __builtin_cpu_init();
    if (!__builtin_cpu_is("amd") || !__get_cpuid(1, &version, &ebx, &ecx, &edx)) return;
    ck_asks_second_cache = (version >> 8 & 15) + (version >> 20 & 255) < 26;
}
#endif

static const char *const known[] = {"scalar", "neon", "neon-dotprod", "neon-i8mm", "avx2", "avx512"};

// In the order of `known`; NULL where the table is not in this build or the processor cannot run it.
static const ck_table *usable(size_t i) {
    switch (i) {
    case 0: return &ck_table_scalar;
#if defined(__aarch64__)
    case 1: return &ck_table_neon;
    case 2: return getauxval(AT_HWCAP) & HWCAP_ASIMDDP ? &ck_table_neon_dotprod : NULL;
    case 3:
        return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) && (getauxval(AT_HWCAP2) & HWCAP2_I8MM) ? &ck_table_neon_i8mm
                                                                                              : NULL;
#endif
#if defined(__x86_64__)
    case 4:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")
                   ? &ck_table_avx2
                   : NULL;
    case 5:
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                       __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("f16c")
                   ? &ck_table_avx512
                   : NULL;
#endif
    default: return NULL;
    }
}

const char *ck_known_name(size_t i) { return i < sizeof known / sizeof *known ? known[i] : NULL; }

const ck_table *ck_named(const char *name) {
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(name, known[i]) == 0) return usable(i);
    }
    return NULL;
}

const ck_table *ck_best(void) {
    for (size_t i = sizeof known / sizeof *known; i-- > 1;) {
        const ck_table *table = usable(i);
        if (table) return table;
    }
    return &ck_table_scalar;
}
