#ifndef SOFTPOD_CLINUX_SIGNALS_H
#define SOFTPOD_CLINUX_SIGNALS_H

// Signals as a descriptor to poll, and what a supervisor does with those of job control. No policy lives here.

#include <sys/types.h>

/// Blocks SIGINT, SIGTERM, SIGHUP and SIGTSTP, each unless this process ignores it, and if asked SIGCONT, for this thread and those it
/// starts. Returns a descriptor from which they are read, or a negative errno.
int softpod_signal_descriptor(int with_continue);

/// The next pending signal, or 0.
int softpod_next_signal(int descriptor);

/// Stops this process as SIGTSTP by itself would, and returns when it goes on. In a process group without a shell that could
/// continue it, the system does not stop it.
void softpod_stop_self(void);

/// A descriptor that becomes readable when the parent ends, for systems without pidfd_open: by a signal that the system sends then.
/// Call it from the thread that starts all others. -ESRCH if the parent is not (or no longer) `parent`; or another negative errno.
int softpod_parent_death_descriptor(pid_t parent);

#endif
