#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int softpod_futex_wait(const void *word, uint32_t expected, int64_t timeout_ns) {
    struct timespec timeout = {.tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000};
    // Not FUTEX_PRIVATE: waker and sleeper are different processes.
    long result = syscall(SYS_futex, word, FUTEX_WAIT, expected, timeout_ns < 0 ? NULL : &timeout, NULL, 0);
    return result == 0 ? 0 : errno;
}

int softpod_futex_wait_either(const void *first, uint32_t first_expected, const void *second, uint32_t second_expected,
                              int64_t timeout_ns) {
    struct futex_waitv words[2] = {
        {.val = first_expected, .uaddr = (uintptr_t)first, .flags = FUTEX_32},
        {.val = second_expected, .uaddr = (uintptr_t)second, .flags = FUTEX_32},
    };
    // The deadline is absolute here, unlike that of a wait for one word.
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    int64_t part = deadline.tv_nsec + timeout_ns % 1000000000;
    deadline.tv_sec += timeout_ns / 1000000000 + part / 1000000000;
    deadline.tv_nsec = part % 1000000000;
    long result = syscall(SYS_futex_waitv, words, 2, 0, timeout_ns < 0 ? NULL : &deadline, CLOCK_MONOTONIC);
    return result >= 0 ? 0 : errno;
}

int softpod_futex_wake(const void *word, int count) {
    long result = syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
    return result >= 0 ? (int)result : -errno;
}

static uint64_t nanoseconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static __thread const uint64_t *simulated_clock;
static __thread void *simulated_arbiter;

void softpod_simulate_thread(const uint64_t *clock, void *arbiter) {
    simulated_clock = clock;
    simulated_arbiter = arbiter;
}

void *softpod_thread_arbiter(void) { return simulated_arbiter; }

// By how much a fault plan has moved this process's clock. Relaxed: each reading is as good before as after.
static _Atomic uint64_t clock_lead;

uint64_t softpod_monotonic_nanoseconds(void) {
    if (__builtin_expect(simulated_clock != NULL, 0)) return *simulated_clock;
    return nanoseconds(CLOCK_MONOTONIC) + atomic_load_explicit(&clock_lead, memory_order_relaxed);
}

void softpod_move_clock(uint64_t nanoseconds) {
    atomic_fetch_add_explicit(&clock_lead, nanoseconds, memory_order_relaxed);
}

uint64_t softpod_thread_cpu_nanoseconds(void) { return nanoseconds(CLOCK_THREAD_CPUTIME_ID); }
uint64_t softpod_process_cpu_nanoseconds(void) { return nanoseconds(CLOCK_PROCESS_CPUTIME_ID); }

int softpod_usable_cores(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    int count = CPU_COUNT(&set);
    return count > 0 ? count : 1;
}

int softpod_pin_thread(int index) {
    cpu_set_t usable, one;
    CPU_ZERO(&usable);
    CPU_ZERO(&one);
    if (sched_getaffinity(0, sizeof usable, &usable) != 0) return errno;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &usable) && index-- == 0) {
            CPU_SET(cpu, &one);
            return pthread_setaffinity_np(pthread_self(), sizeof one, &one);
        }
    }
    return EINVAL;
}

#if __has_feature(thread_sanitizer)
void __tsan_read_range(void *address, unsigned long bytes);
void __tsan_write_range(void *address, unsigned long bytes);
void softpod_announce_copy(const void *source, const void *destination, uint64_t bytes) {
    __tsan_read_range((void *)source, bytes);
    __tsan_write_range((void *)destination, bytes);
}

void __tsan_acquire(void *address);
void __tsan_release(void *address);
// One place for all messages: a sender and a receiver share no address the library would tell. So a message is taken to order more than
// it does, between the threads that send and receive; what others do is judged as strictly as before.
static char hand_over;
void softpod_announce_hand_over(void) { __tsan_release(&hand_over); }
void softpod_announce_take_over(void) { __tsan_acquire(&hand_over); }
#else
void softpod_announce_hand_over(void) {}
void softpod_announce_take_over(void) {}
void softpod_announce_copy(const void *source, const void *destination, uint64_t bytes) {
    (void)source, (void)destination, (void)bytes;
}
#endif

void softpod_name_thread(const char *name) { prctl(PR_SET_NAME, name); }

int softpod_anonymous_shared_memory(void) {
    // A file that never has a name cannot be left behind; where the file system knows none, one that loses its name at once.
    int unnamed = open("/dev/shm", O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (unnamed >= 0) return unnamed;
    for (int attempt = 0; attempt < 16; attempt++) {
        uint64_t random[2];
        if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) return -errno;
        char name[64];
        snprintf(name, sizeof name, "/softpod-%016llx%016llx", (unsigned long long)random[0],
                 (unsigned long long)random[1]);
        int descriptor = shm_open(name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
        if (descriptor >= 0) {
            shm_unlink(name);
            return descriptor;
        }
        if (errno != EEXIST) return -errno;
    }
    return -EEXIST;
}

uint64_t softpod_free_bytes(int descriptor) {
    struct statvfs info;
    if (fstatvfs(descriptor, &info) != 0 || info.f_blocks == 0) return UINT64_MAX;
    return (uint64_t)info.f_bavail * info.f_frsize;
}

int softpod_sealable_memory(void) {
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif
    // Kernels before 6.3 do not know that it is not to be executed; later ones may insist on being told.
    int descriptor = memfd_create("softpod-segment", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (descriptor < 0 && errno == EINVAL) descriptor = memfd_create("softpod-segment", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (descriptor < 0) return -errno;
    fchmod(descriptor, 0600);
    return descriptor;
}

int softpod_seal_size(int descriptor) {
    return fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0 ? 0 : errno;
}

int softpod_has_sealed_size(int descriptor) {
    int seals = fcntl(descriptor, F_GET_SEALS);
    return seals >= 0 && (seals & F_SEAL_SHRINK) != 0;
}

int softpod_open_folder(int at, const char *path) {
    int descriptor = openat(at < 0 ? AT_FDCWD : at, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return descriptor >= 0 ? descriptor : -errno;
}

uint64_t softpod_file_size_limit(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) == 0 ? (uint64_t)limit.rlim_cur : UINT64_MAX;
}

int softpod_poll_readable(const int32_t *descriptors, int count, int64_t timeout_ns, uint8_t *readable) {
    struct pollfd set[4096];
    if (count < 0 || count > 4096) return -EINVAL;
    for (int index = 0; index < count; index++)
        set[index] = (struct pollfd){.fd = descriptors[index], .events = POLLIN, .revents = 0};
    struct timespec time = {.tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000};
    int ready = ppoll(set, (nfds_t)count, &time, NULL);
    if (ready < 0) return -errno;
    for (int index = 0; index < count; index++) readable[index] = set[index].revents != 0;
    return ready;
}
