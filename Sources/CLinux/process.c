#define _GNU_SOURCE
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

enum { most_descriptors = 8 };

static int spawn_with(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes, const char *path,
                      char *const argv[], const int *sources, const int *targets, int count, pid_t *pid) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int code = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    for (int i = 0; i < count && !code; i++) code = posix_spawn_file_actions_adddup2(actions, sources[i], targets[i]);
    // Its own group: a terminal's Ctrl-C reaches only who started it.
    if (!code) code = posix_spawnattr_setpgroup(attributes, 0);
    if (!code) code = posix_spawnattr_setsigmask(attributes, &none);
    if (!code) code = posix_spawnattr_setsigdefault(attributes, &all);
    if (!code)
        code = posix_spawnattr_setflags(attributes,
                                        POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    return code ? code : posix_spawnp(pid, path, actions, attributes, argv, environ);
}

int softpod_spawn(const char *path, char *const argv[], const int *sources, const int *targets, int count, pid_t *pid) {
    // High copies, so that moving one into place cannot overwrite another.
    int high[most_descriptors];
    int code = count > most_descriptors ? EINVAL : 0, copied = 0;
    for (; copied < count && !code; copied++) {
        high[copied] = fcntl(sources[copied], F_DUPFD_CLOEXEC, 10);
        if (high[copied] < 0) code = errno;
    }
    if (!code) {
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
        code = spawn_with(&actions, &attributes, path, argv, high, targets, count, pid);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
    }
    for (int i = 0; i < copied; i++)
        if (high[i] >= 0) close(high[i]);
    return code;
}

int softpod_pidfd_open(pid_t pid) {
    long descriptor = syscall(SYS_pidfd_open, pid, 0);
    return descriptor >= 0 ? (int)descriptor : -errno;
}

int softpod_reap(int pidfd, pid_t pid, int *exit_code, int *signal) {
    siginfo_t info = {0};
    int code = pidfd >= 0 ? waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) : -1;
    // Linux before 5.4 has pidfds and cannot wait for them. The number stays the child's until it is reaped.
    if (pidfd < 0 || (code != 0 && errno == EINVAL)) code = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG);
    if (code != 0) return -errno;
    if (info.si_pid == 0) return 0;
    *exit_code = info.si_code == CLD_EXITED ? info.si_status : -1;
    *signal = info.si_code == CLD_EXITED ? -1 : info.si_status;
    return 1;
}

int softpod_waits_for(pid_t pid) {
    siginfo_t info;
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG) == 0 ? 0 : errno;
}

int softpod_stop_state(pid_t pid) {
    int state = 0;
    siginfo_t info = {0};
    // One event after the other, of which the last counts.
    while (waitid(P_PID, (id_t)pid, &info, WSTOPPED | WCONTINUED | WNOHANG) == 0 && info.si_pid != 0) {
        state = info.si_code == CLD_STOPPED || info.si_code == CLD_TRAPPED ? 1 : 2;
        info.si_pid = 0;
    }
    return state;
}

int softpod_try_poll_set(void) {
    int set = epoll_create1(EPOLL_CLOEXEC);
    if (set < 0) return errno;
    close(set);
    return 0;
}

void softpod_await_exit(pid_t pid) {
    siginfo_t info;
    while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) continue;
}

int softpod_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC) == 0 ? 0 : errno; }

int softpod_event_descriptor(void) {
    int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return descriptor >= 0 ? descriptor : -errno;
}

void softpod_raise_event(int descriptor) { eventfd_write(descriptor, 1); }

void softpod_clear_event(int descriptor) {
    eventfd_t value;
    eventfd_read(descriptor, &value);
}

int softpod_memory_file(const char *name) {
    int descriptor = memfd_create(name, MFD_CLOEXEC);
    return descriptor >= 0 ? descriptor : -errno;
}

void softpod_open_standard_descriptors(void) {
    for (int number = 0; number <= 2; number++)
        // The lowest free number is this one. Without /dev/null nothing can be done, and the next write says so.
        if (fcntl(number, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) return;
}

uint64_t softpod_descriptor_limit(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (uint64_t)limit.rlim_cur : UINT64_MAX;
}

void softpod_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

uint64_t softpod_task_limit(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_NPROC, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY ? (uint64_t)limit.rlim_cur : UINT64_MAX;
}

int softpod_try_lock(int descriptor) { return flock(descriptor, LOCK_EX | LOCK_NB) == 0 ? 0 : errno; }

void softpod_exit_now(int code) { _exit(code); }
