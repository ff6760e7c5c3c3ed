#include "crc32c.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "cpu.h"

// The polynomial with its bits reversed.
#define POLYNOMIAL 0x82F63B78u
// The instruction takes three cycles and one can start in each: three stretches of this length run side by side.
#define STRETCH 1024

typedef struct {
    uint32_t byte[256];          // the effect of one byte
    uint32_t stretch[4][256];    // the effect of STRETCH zero bytes on each byte of a checksum
} tables_t;

static uint32_t step_bytes(const uint32_t *table, uint32_t crc, const uint8_t *bytes, uint64_t count) {
    for (uint64_t index = 0; index < count; index++) crc = table[(crc ^ bytes[index]) & 0xFF] ^ (crc >> 8);
    return crc;
}

static void build(tables_t *tables) {
    for (uint32_t value = 0; value < 256; value++) {
        uint32_t crc = value;
        for (int bit = 0; bit < 8; bit++) crc = (crc & 1) ? (crc >> 1) ^ POLYNOMIAL : crc >> 1;
        tables->byte[value] = crc;
    }
    static const uint8_t zeros[STRETCH];
    uint32_t bits[32];
    for (int bit = 0; bit < 32; bit++) bits[bit] = step_bytes(tables->byte, 1u << bit, zeros, STRETCH);
    for (int place = 0; place < 4; place++)
        for (uint32_t value = 0; value < 256; value++) {
            uint32_t crc = 0;
            for (int bit = 0; bit < 8; bit++)
                if (value >> bit & 1) crc ^= bits[8 * place + bit];
            tables->stretch[place][value] = crc;
        }
}

static const tables_t *get_tables(void) {
    static tables_t tables;
    static _Atomic int state;  // 0: not built, 1: a thread builds, 2: built
    int expected = 0;
    // Acquires what the builder released; the builder releases below.
    if (atomic_load_explicit(&state, memory_order_acquire) == 2) return &tables;
    if (atomic_compare_exchange_strong_explicit(
            &state, &expected, 1, memory_order_acq_rel, memory_order_acquire)) {
        build(&tables);
        atomic_store_explicit(&state, 2, memory_order_release);
    }
    while (atomic_load_explicit(&state, memory_order_acquire) != 2) {
    }
    return &tables;
}

uint32_t softpod_crc32c_portable(uint32_t checksum, const void *bytes, uint64_t count) {
    return ~step_bytes(get_tables()->byte, ~checksum, bytes, count);
}

#if defined(__x86_64__)
#include <immintrin.h>

static uint32_t advance(const tables_t *tables, uint32_t crc) {
    return tables->stretch[0][crc & 0xFF] ^ tables->stretch[1][crc >> 8 & 0xFF] ^ tables->stretch[2][crc >> 16 & 0xFF]
        ^ tables->stretch[3][crc >> 24];
}

static uint64_t word(const uint8_t *bytes) {
    uint64_t value;
    memcpy(&value, bytes, 8);
    return value;
}

__attribute__((target("sse4.2"))) static uint32_t fast(uint32_t checksum, const uint8_t *bytes, uint64_t count) {
    const tables_t *tables = get_tables();
    uint64_t crc = ~checksum;
    for (; count >= 3 * STRETCH; count -= 3 * STRETCH, bytes += 3 * STRETCH) {
        uint64_t second = 0, third = 0;
        for (size_t index = 0; index < STRETCH; index += 8) {
            crc = _mm_crc32_u64(crc, word(bytes + index));
            second = _mm_crc32_u64(second, word(bytes + STRETCH + index));
            third = _mm_crc32_u64(third, word(bytes + 2 * STRETCH + index));
        }
        crc = advance(tables, (uint32_t)crc) ^ second;
        crc = advance(tables, (uint32_t)crc) ^ third;
    }
    for (; count >= 8; count -= 8, bytes += 8) crc = _mm_crc32_u64(crc, word(bytes));
    for (; count > 0; count--, bytes++) crc = _mm_crc32_u8((uint32_t)crc, *bytes);
    return ~(uint32_t)crc;
}

// One lane further: what a lane holds counts as if it stood `distance` bits later, where `next` is.
#define AHEAD __attribute__((target("sse4.2,pclmul,avx512f,avx512vl,vpclmulqdq"))) static

AHEAD __m512i fold(__m512i lanes, __m512i powers, __m512i next) {
    const __m512i low = _mm512_clmulepi64_epi128(lanes, powers, 0x00);
    const __m512i high = _mm512_clmulepi64_epi128(lanes, powers, 0x11);
    return _mm512_ternarylogic_epi64(low, high, next, 0x96);
}

AHEAD __m128i fold_one(__m128i lane, uint32_t low, uint32_t high, __m128i next) {
    const __m128i powers = _mm_set_epi64x(high, low);
    return next ^ _mm_clmulepi64_si128(lane, powers, 0x00) ^ _mm_clmulepi64_si128(lane, powers, 0x11);
}

// Carry-less multiplication by powers of x modulo the polynomial, 256 bytes a turn ("Fast CRC Computation for Generic Polynomials
// Using PCLMULQDQ Instruction", Intel 2009). A power for a distance of n bits is a pair: x^(n+31) and x^(n-33), bits reversed.
AHEAD uint32_t wide(uint32_t checksum, const uint8_t *bytes, uint64_t count) {
    const __m512i by2048 = _mm512_broadcast_i32x4(_mm_set_epi64x(0xB9E02B86, 0xDCB17AA4));
    const __m512i by512 = _mm512_broadcast_i32x4(_mm_set_epi64x(0x9E4ADDF8, 0x740EEF02));
    __m512i a = _mm512_loadu_si512(bytes), b = _mm512_loadu_si512(bytes + 64);
    __m512i c = _mm512_loadu_si512(bytes + 128), d = _mm512_loadu_si512(bytes + 192);
    a = _mm512_xor_si512(a, _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)~checksum)));
    for (count -= 256, bytes += 256; count >= 256; count -= 256, bytes += 256) {
        a = fold(a, by2048, _mm512_loadu_si512(bytes));
        b = fold(b, by2048, _mm512_loadu_si512(bytes + 64));
        c = fold(c, by2048, _mm512_loadu_si512(bytes + 128));
        d = fold(d, by2048, _mm512_loadu_si512(bytes + 192));
    }
    a = fold(fold(fold(a, by512, b), by512, c), by512, d);
    for (; count >= 64; count -= 64, bytes += 64) a = fold(a, by512, _mm512_loadu_si512(bytes));
    __m128i sum = _mm512_extracti32x4_epi32(a, 3);
    sum = fold_one(_mm512_extracti32x4_epi32(a, 2), 0xF20C0DFE, 0x493C7D27, sum);
    sum = fold_one(_mm512_extracti32x4_epi32(a, 1), 0x3DA6D0CB, 0xBA4FC28E, sum);
    sum = fold_one(_mm512_extracti32x4_epi32(a, 0), 0x1C291D04, 0xDDC0152B, sum);
    const uint64_t half = _mm_crc32_u64(0, (uint64_t)_mm_extract_epi64(sum, 0));
    return fast(~(uint32_t)_mm_crc32_u64(half, (uint64_t)_mm_extract_epi64(sum, 1)), bytes, count);
}

uint32_t softpod_crc32c(uint32_t checksum, const void *bytes, uint64_t count) {
    if (count >= 256 && (softpod_cpu_features() & SOFTPOD_CPU_VPCLMUL)) return wide(checksum, bytes, count);
    if (__builtin_cpu_supports("sse4.2")) return fast(checksum, bytes, count);
    return softpod_crc32c_portable(checksum, bytes, count);
}
#else
uint32_t softpod_crc32c(uint32_t checksum, const void *bytes, uint64_t count) {
    return softpod_crc32c_portable(checksum, bytes, count);
}
#endif
