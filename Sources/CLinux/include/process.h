#ifndef SOFTPOD_CLINUX_PROCESS_H
#define SOFTPOD_CLINUX_PROCESS_H

// Processes, signals and events as descriptors, so that one poll can wait for all of them. No policy lives here.

#include <stdint.h>
#include <sys/types.h>

/// Descriptors a rank process finds open, besides 0 (nothing), 1 and 2 (its log).
enum { softpod_segment_descriptor = 3, softpod_terminal_descriptor = 4, softpod_switch_descriptor = 5 };

/// Starts a program, found as a shell finds it, in a process group of its own, with at most 8 of this process's descriptors (sources)
/// at the numbers targets, standard input empty unless it is among them, all signals at their defaults and none blocked.
/// Returns 0, or errno.
int softpod_spawn(const char *path, char *const argv[], const int *sources, const int *targets, int count, pid_t *pid);

/// A descriptor that becomes readable when the process ends; or a negative errno.
int softpod_pidfd_open(pid_t pid);

/// Reaps a child, by its pidfd if it has one (else -1): 1 with its exit code or its signal (the other is -1), 0 if it still runs, or a
/// negative errno, of which -ECHILD says that the system reaped it already.
int softpod_reap(int pidfd, pid_t pid, int *exit_code, int *signal);

/// Whether the system lets this process wait for a child: 0, or errno.
int softpod_waits_for(pid_t pid);

/// What has become of a child since the last call, besides its end: 1 it was stopped, 2 it goes on again, 0 neither. Does not wait.
int softpod_stop_state(pid_t pid);

/// Makes a set of descriptors to poll and closes it again: 0, or errno.
int softpod_try_poll_set(void);

/// Waits until a child has ended, and leaves it to be reaped. Returns at once where the system does not let this process wait for it.
void softpod_await_exit(pid_t pid);

/// A pipe that no child inherits by accident: reading end, writing end. Returns 0, or errno.
int softpod_pipe(int ends[2]);

/// A counter that makes its descriptor readable; or a negative errno.
int softpod_event_descriptor(void);

/// Raises, or takes back, an event.
void softpod_raise_event(int descriptor);
void softpod_clear_event(int descriptor);

/// A file that exists only as a descriptor; or a negative errno.
int softpod_memory_file(const char *name);

/// Lets this process open as many descriptors as the system allows it.
void softpod_raise_descriptor_limit(void);

/// How many descriptors this process may have open.
uint64_t softpod_descriptor_limit(void);

/// How many threads this user may have (RLIMIT_NPROC); UINT64_MAX without a limit.
uint64_t softpod_task_limit(void);

/// Opens nothing where standard input, output or error are closed, so that no other file takes their numbers.
void softpod_open_standard_descriptors(void);

/// Takes an exclusive lock on a file without waiting: 0, or errno.
int softpod_try_lock(int descriptor);

/// Ends the process at once, without running anything of it.
_Noreturn void softpod_exit_now(int code);

#endif
