#ifndef SOFTPOD_CLINUX_INHERIT_H
#define SOFTPOD_CLINUX_INHERIT_H

// What a process finds when it starts: arguments, signals, umask. No policy lives here but that of a well-behaved program.

/// Puts signals and umask right, whatever the parent left.
///
/// No signal is blocked. SIGPIPE, SIGXFSZ and SIGTTOU are ignored: a closed reader, a limit on file sizes and a terminal's `tostop` are
/// errors of a call and not the end of the process. SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP and SIGTTIN stay ignored if they were
/// (`nohup`, background jobs of a shell). All others get their defaults. The umask leaves the owner every permission.
void softpod_settle_inheritance(void);

/// Says one line on standard error and ends with this status when a library calls abort().
void softpod_explain_aborts(int status);

/// The arguments this process was started with, without /proc: how many, and one of them.
int softpod_argument_count(void);
const char *softpod_argument(int index);

/// The path by which the system started this program, or NULL; without /proc.
const char *softpod_started_path(void);

#endif
