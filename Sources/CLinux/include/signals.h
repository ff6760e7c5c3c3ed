#ifndef SOFTPOD_CLINUX_SIGNALS_H
#define SOFTPOD_CLINUX_SIGNALS_H

// Signals as a descriptor to poll, and what a supervisor does with those of job control. No policy lives here.

#include <sys/types.h>

/// Blocks SIGINT, SIGTERM, SIGHUP and SIGTSTP, each unless this process ignores it, and if asked SIGCONT and SIGCHLD, for this
/// thread and those it starts. Returns a descriptor from which they are read, or a negative errno.
int softpod_signal_descriptor(int with_continue, int with_children);

/// The next pending signal, or 0.
int softpod_next_signal(int descriptor);

/// Stops this process as SIGTSTP by itself would, and returns when it goes on. In a process group without a shell that could
/// continue it, the system does not stop it.
void softpod_stop_self(void);

/// Has the system send SIGCONT when the parent ends, so that a process that is stopped then goes on and sees it. Returns 0 or an errno.
int softpod_wake_at_parent_death(void);

/// A descriptor that becomes readable at that SIGCONT, and at any other, for systems without pidfd_open: look then whether the parent
/// is another. Call it from the thread that starts all others. A negative errno if there is none.
int softpod_parent_death_descriptor(void);

#endif
