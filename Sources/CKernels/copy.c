// Copies: a vector loop of our own, and one past the cache.
#include "copy.h"

#include <stdint.h>
#include <string.h>

#include "cpu.h"

#if defined(__x86_64__)
#include <immintrin.h>

// Both loops: loads as they come, stores aligned, since a store that crosses a line costs two. A turn's bytes are loaded before the turn
// before it stores: a load that shares its place in the page with a store just made waits for that store. First and last bytes lie in
// vectors that are loaded before anything is stored and overlap what the loop stores, so no length needs a loop of its own.

__attribute__((target("avx2"))) static void loop_avx2(char *to, const char *from, size_t bytes) {
    const __m256i first = _mm256_loadu_si256((const __m256i *)(const void *)(from));
    const __m256i last0 = _mm256_loadu_si256((const __m256i *)(const void *)(from + bytes - 32));
    const __m256i last1 = _mm256_loadu_si256((const __m256i *)(const void *)(from + bytes - 64));
    const __m256i last2 = _mm256_loadu_si256((const __m256i *)(const void *)(from + bytes - 96));
    const __m256i last3 = _mm256_loadu_si256((const __m256i *)(const void *)(from + bytes - 128));
    size_t at = 32 - ((uintptr_t)to & 31);
    if (at + 128 < bytes) {
        __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)(from + at));
        __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(from + at + 32));
        __m256i c = _mm256_loadu_si256((const __m256i *)(const void *)(from + at + 64));
        __m256i d = _mm256_loadu_si256((const __m256i *)(const void *)(from + at + 96));
        for (; at + 256 < bytes; at += 128) {
            const __m256i a2 = _mm256_loadu_si256((const __m256i *)(const void *)(from + at + 128));
            const __m256i b2 = _mm256_loadu_si256((const __m256i *)(const void *)(from + at + 160));
            const __m256i c2 = _mm256_loadu_si256((const __m256i *)(const void *)(from + at + 192));
            const __m256i d2 = _mm256_loadu_si256((const __m256i *)(const void *)(from + at + 224));
            _mm256_store_si256((__m256i *)(void *)(to + at), a);
            _mm256_store_si256((__m256i *)(void *)(to + at + 32), b);
            _mm256_store_si256((__m256i *)(void *)(to + at + 64), c);
            _mm256_store_si256((__m256i *)(void *)(to + at + 96), d);
            a = a2, b = b2, c = c2, d = d2;
        }
        _mm256_store_si256((__m256i *)(void *)(to + at), a);
        _mm256_store_si256((__m256i *)(void *)(to + at + 32), b);
        _mm256_store_si256((__m256i *)(void *)(to + at + 64), c);
        _mm256_store_si256((__m256i *)(void *)(to + at + 96), d);
    }
    _mm256_storeu_si256((__m256i *)(void *)(to), first);
    _mm256_storeu_si256((__m256i *)(void *)(to + bytes - 32), last0);
    _mm256_storeu_si256((__m256i *)(void *)(to + bytes - 64), last1);
    _mm256_storeu_si256((__m256i *)(void *)(to + bytes - 96), last2);
    _mm256_storeu_si256((__m256i *)(void *)(to + bytes - 128), last3);
}

__attribute__((target("avx512f"))) static void loop_avx512(char *to, const char *from, size_t bytes) {
    const __m512i first = _mm512_loadu_si512(from);
    const __m512i last0 = _mm512_loadu_si512(from + bytes - 64);
    const __m512i last1 = _mm512_loadu_si512(from + bytes - 128);
    const __m512i last2 = _mm512_loadu_si512(from + bytes - 192);
    const __m512i last3 = _mm512_loadu_si512(from + bytes - 256);
    size_t at = 64 - ((uintptr_t)to & 63);
    if (at + 256 < bytes) {
        __m512i a = _mm512_loadu_si512(from + at);
        __m512i b = _mm512_loadu_si512(from + at + 64);
        __m512i c = _mm512_loadu_si512(from + at + 128);
        __m512i d = _mm512_loadu_si512(from + at + 192);
        for (; at + 512 < bytes; at += 256) {
            const __m512i a2 = _mm512_loadu_si512(from + at + 256);
            const __m512i b2 = _mm512_loadu_si512(from + at + 320);
            const __m512i c2 = _mm512_loadu_si512(from + at + 384);
            const __m512i d2 = _mm512_loadu_si512(from + at + 448);
            _mm512_store_si512(to + at, a);
            _mm512_store_si512(to + at + 64, b);
            _mm512_store_si512(to + at + 128, c);
            _mm512_store_si512(to + at + 192, d);
            a = a2, b = b2, c = c2, d = d2;
        }
        _mm512_store_si512(to + at, a);
        _mm512_store_si512(to + at + 64, b);
        _mm512_store_si512(to + at + 128, c);
        _mm512_store_si512(to + at + 192, d);
    }
    _mm512_storeu_si512(to, first);
    _mm512_storeu_si512(to + bytes - 64, last0);
    _mm512_storeu_si512(to + bytes - 128, last1);
    _mm512_storeu_si512(to + bytes - 192, last2);
    _mm512_storeu_si512(to + bytes - 256, last3);
}

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

/// The C library's copy, a chunk at a time.
static void copy_by_library(char *to, const char *from, size_t bytes) {
    for (; bytes > SOFTPOD_COPY_CHUNK_BYTES; bytes -= SOFTPOD_COPY_CHUNK_BYTES) {
        memcpy(to, from, SOFTPOD_COPY_CHUNK_BYTES);
        to += SOFTPOD_COPY_CHUNK_BYTES;
        from += SOFTPOD_COPY_CHUNK_BYTES;
    }
    memcpy(to, from, bytes);
}

typedef void copier(char *, const char *, size_t);

/// The loop of this processor, what bypasses its caches, and the bytes of its vectors. Written once, before anything else of the program runs.
static copier *loop = copy_by_library, *stream = copy_by_library;
static int vector_bytes;

__attribute__((constructor)) static void choose_loop(void) {
#if defined(__x86_64__)
    const uint32_t features = softpod_cpu_features();
    if (features & SOFTPOD_CPU_AVX2) stream = stream_avx2;
    if (features & SOFTPOD_CPU_AVX512) {
        loop = loop_avx512;
        vector_bytes = 64;
    } else if (features & SOFTPOD_CPU_AVX2) {
        loop = loop_avx2;
        vector_bytes = 32;
    }
#endif
}

int softpod_copy_vector_bytes(void) { return vector_bytes; }

void softpod_copy_loop(void *destination, const void *source, size_t bytes) {
    if (bytes < 4 * (size_t)vector_bytes) {
        memcpy(destination, source, bytes);
    } else {
        loop(destination, source, bytes);
    }
}

void softpod_copy(void *destination, const void *source, size_t bytes, size_t stream_bytes) {
    const uintptr_t distance = (uintptr_t)destination - (uintptr_t)source;
    if (distance < bytes || -distance < bytes) {
        memmove(destination, source, bytes);
    } else if (bytes > stream_bytes) {
        stream(destination, source, bytes);
    } else if (bytes < SOFTPOD_COPY_LOOP_BYTES) {
        memcpy(destination, source, bytes);
    } else {
        loop(destination, source, bytes);
    }
}

int softpod_copy_streams(void) { return stream != copy_by_library; }

void softpod_copy_stream(void *destination, const void *source, size_t bytes) { stream(destination, source, bytes); }
