// Defined here, in the program, these functions come before those of the C library and of the Swift runtime, count, and pass on.
#define _GNU_SOURCE
#include "CCounting.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>

static _Thread_local int counting;
static _Thread_local struct softpod_counts counts;

#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

#if !defined(SANITIZED)
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

void *malloc(size_t bytes) {
    if (counting) counts.allocations++;
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes) {
    if (counting) counts.allocations++;
    return __libc_calloc(count, bytes);
}

void *realloc(void *old, size_t bytes) {
    if (counting) counts.allocations++;
    return __libc_realloc(old, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes) {
    if (counting) counts.allocations++;
    return __libc_memalign(alignment, bytes);
}

int posix_memalign(void **place, size_t alignment, size_t bytes) {
    if (counting) counts.allocations++;
    void *memory = __libc_memalign(alignment, bytes);
    if (!memory) return 12;  // ENOMEM
    *place = memory;
    return 0;
}

// The runtime's entries for reference counts keep nearly all registers, and compiled code relies on it: these do too. What they
// pass on to is called as if it kept nothing, whatever it does.
#if defined(__x86_64__) || defined(__aarch64__)
#define ENTRY __attribute__((preserve_most))
#else
#define ENTRY
#endif

static void *below(const char *name, _Atomic(void *) *known) {
    // Relaxed: the pointer is the whole message, and everybody finds the same one.
    void *entry = atomic_load_explicit(known, memory_order_relaxed);
    if (!entry) {
        int was = counting;
        counting = 0;
        entry = dlsym(RTLD_NEXT, name);
        counting = was;
        atomic_store_explicit(known, entry, memory_order_relaxed);
    }
    return entry;
}

#define BELOW(NAME, ...) \
    static _Atomic(void *) known; \
    __typeof__(__VA_ARGS__) next = (__typeof__(__VA_ARGS__))below(NAME, &known)

ENTRY void *swift_retain(void *object) {
    BELOW("swift_retain", void *(*)(void *));
    if (counting) counts.retains++;
    return next(object);
}

ENTRY void *swift_retain_n(void *object, uint32_t times) {
    BELOW("swift_retain_n", void *(*)(void *, uint32_t));
    if (counting) counts.retains += times;
    return next(object, times);
}

ENTRY void swift_release(void *object) {
    BELOW("swift_release", void (*)(void *));
    if (counting) counts.releases++;
    next(object);
}

ENTRY void swift_release_n(void *object, uint32_t times) {
    BELOW("swift_release_n", void (*)(void *, uint32_t));
    if (counting) counts.releases += times;
    next(object, times);
}

void *swift_allocObject(const void *metadata, size_t bytes, size_t mask) {
    BELOW("swift_allocObject", void *(*)(const void *, size_t, size_t));
    if (counting) counts.objects++;
    return next(metadata, bytes, mask);
}

enum { ready = 1 };
#else
enum { ready = 0 };
#endif

int softpod_counting_begin(void) {
    counts = (struct softpod_counts){0, 0, 0, 0};
    counting = ready;
    return ready;
}

struct softpod_counts softpod_counting_end(void) {
    counting = 0;
    return counts;
}
