#ifndef SOFTPOD_CLINUX_H
#define SOFTPOD_CLINUX_H

// What Swift cannot call: variadic system calls, the PAUSE instruction, and macros over cpu_set_t. No policy lives here.

#include <stdint.h>

/// One pause in a spin loop.
static inline void softpod_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

/// Sleeps while *word == expected, across processes; at most timeout_ns nanoseconds, for ever if negative.
/// Returns 0 when woken, else errno (EAGAIN: the word differed, ETIMEDOUT, EINTR).
int softpod_futex_wait(const void *word, uint32_t expected, int64_t timeout_ns);

/// Sleeps while both words hold what is expected, at most `timeout_ns` (negative: for ever). Returns 0 or the error number:
/// EAGAIN when a word had changed, ETIMEDOUT, EINTR, ENOSYS on kernels before 5.16.
int softpod_futex_wait_either(const void *first, uint32_t first_expected, const void *second,
                              uint32_t second_expected, int64_t timeout_ns);

/// Sleeps until one of at most 4096 descriptors can be read, or for timeout_ns nanoseconds. Returns how many can be, and in `readable` 1 for
/// each of those and 0 for the others; or a negative errno.
int softpod_poll_readable(const int32_t *descriptors, int count, int64_t timeout_ns, uint8_t *readable);

/// Wakes at most count sleepers on word; returns how many, or a negative errno.
int softpod_futex_wake(const void *word, int count);

/// CLOCK_MONOTONIC in nanoseconds; for a thread of a simulation, what its clock says.
uint64_t softpod_monotonic_nanoseconds(void);
/// Moves the monotonic clock of this process ahead.
void softpod_move_clock(uint64_t nanoseconds);

/// Makes the calling thread one of a simulation: the clock it reads from now on, and what decides when its waits end. NULL for neither.
void softpod_simulate_thread(const uint64_t *clock, void *arbiter);

/// What decides when the calling thread's waits end; NULL outside simulations.
void *softpod_thread_arbiter(void);

/// CPU time used by the calling thread, and by the whole process, in nanoseconds.
uint64_t softpod_thread_cpu_nanoseconds(void);
uint64_t softpod_process_cpu_nanoseconds(void);

/// Cores this process may run on (its affinity mask, not the machine's count).
int softpod_usable_cores(void);

/// Binds the calling thread to the index-th of its usable cores; 0, or errno.
int softpod_pin_thread(int index);

/// Tells ThreadSanitizer, where it is compiled in, of a copy it cannot see: the library's copy routines are not instrumented.
void softpod_announce_copy(const void *source, const void *destination, uint64_t bytes);

/// Tell ThreadSanitizer of an order it cannot see, since the messaging library is not instrumented: what a thread did before it hands
/// a message over comes before what another does after it has taken one. Without the sanitizer they do nothing.
void softpod_announce_hand_over(void);
void softpod_announce_take_over(void);

/// Names the calling thread for the system's tools; at most 15 bytes are kept.
void softpod_name_thread(const char *name);

/// shm_open(O_CREAT | O_EXCL | O_RDWR, 0600) under an unguessable name, unlinked before it returns.
/// A descriptor with close-on-exec set, or a negative errno.
int softpod_anonymous_shared_memory(void);

/// A memory file (memfd) of mode 0600 whose size can be sealed: a descriptor with close-on-exec set, or a negative errno.
int softpod_sealable_memory(void);

/// Lets no process change the size of a memory file any more: 0, or errno.
int softpod_seal_size(int descriptor);

/// Whether a descriptor's file cannot be made smaller by any process.
int softpod_has_sealed_size(int descriptor);

/// How large files of this process may become, in bytes; UINT64_MAX where there is no limit.
uint64_t softpod_file_size_limit(void);

/// Opens a folder only to name things in it, for which reading it is not needed: a descriptor with close-on-exec set, or a negative errno.
/// `at` is an open folder, or -1 for the working directory.
int softpod_open_folder(int at, const char *path);

/// Bytes still free in the file system behind a descriptor, or UINT64_MAX if that cannot be told.
uint64_t softpod_free_bytes(int descriptor);

#endif
