// Copies past the cache.
#include "copy.h"

#include <stdint.h>
#include <string.h>

#include "cpu.h"

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx2"))) static void stream_avx2(char *to, const char *from, size_t bytes) {
    // Stores must be aligned, loads need not be: copy up to the destination's next 32 bytes first.
    size_t head = (size_t)(-(uintptr_t)to & 31);
    if (head > bytes) head = bytes;
    memcpy(to, from, head);
    size_t at = head;
    // Two lines a turn: each line is written whole before the next, so that the write-combining buffers fill and leave.
    for (; at + 128 <= bytes; at += 128) {
        __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)(from + at));
        __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(from + at + 32));
        __m256i c = _mm256_loadu_si256((const __m256i *)(const void *)(from + at + 64));
        __m256i d = _mm256_loadu_si256((const __m256i *)(const void *)(from + at + 96));
        _mm256_stream_si256((__m256i *)(void *)(to + at), a);
        _mm256_stream_si256((__m256i *)(void *)(to + at + 32), b);
        _mm256_stream_si256((__m256i *)(void *)(to + at + 64), c);
        _mm256_stream_si256((__m256i *)(void *)(to + at + 96), d);
    }
    memcpy(to + at, from + at, bytes - at);
    // Streamed stores are not ordered by the release of a later flag; this orders them.
    _mm_sfence();
}
#endif

int softpod_copy_streams(void) {
#if defined(__x86_64__)
    return (softpod_cpu_features() & SOFTPOD_CPU_AVX2) != 0;
#else
    return 0;
#endif
}

void softpod_copy_stream(void *destination, const void *source, size_t bytes) {
#if defined(__x86_64__)
    if (softpod_copy_streams()) {
        stream_avx2(destination, source, bytes);
        return;
    }
#endif
    memcpy(destination, source, bytes);
}
