// Starts a program in a state that its parents should not have left it in: what tests cannot say in a shell.
//
//   inheriting [deny=CALL[:EPERM|ENOSYS|EAGAIN|ECHILD]]... [block=SIGNAL|all]... [nonblock=DESCRIPTOR]... -- PROGRAM [ARGUMENT]...
//
// deny: the system refuses this call from here on, by a filter that children inherit (seccomp(2)). block: the signal, by its number,
// is blocked; nonblock: the description behind this descriptor gives EAGAIN where it would wait. All last over the exec. Ends with 125 where it cannot do what it is asked.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
    const char *name;
    unsigned number;
} calls[] = {
    {"pidfd_open", SYS_pidfd_open}, {"waitid", SYS_waitid},         {"eventfd2", SYS_eventfd2}, {"signalfd4", SYS_signalfd4},
    {"futex_waitv", SYS_futex_waitv}, {"memfd_create", SYS_memfd_create}, {"prctl", SYS_prctl}, {"clone3", SYS_clone3},
    {"epoll_create1", SYS_epoll_create1}, {"sched_getaffinity", SYS_sched_getaffinity},
};

static const struct {
    const char *name;
    int number;
} errors[] = {{"EPERM", EPERM}, {"ENOSYS", ENOSYS}, {"EAGAIN", EAGAIN}, {"ECHILD", ECHILD}};

static int fail(const char *what, const char *which) {
    fprintf(stderr, "inheriting: %s %s: %s\n", what, which, strerror(errno));
    return 125;
}

static int deny(const char *request) {
    char name[64];
    snprintf(name, sizeof name, "%s", request);
    char *colon = strchr(name, ':');
    int error = EPERM, known = colon == NULL;
    if (colon) *colon = 0;
    for (size_t index = 0; colon && index < sizeof errors / sizeof *errors; index++)
        if (strcmp(colon + 1, errors[index].name) == 0) error = errors[index].number, known = 1;
    for (size_t index = 0; known && index < sizeof calls / sizeof *calls; index++) {
        if (strcmp(name, calls[index].name) != 0) continue;
        struct sock_filter filter[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[index].number, 0, 1),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
        return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
    }
    errno = EINVAL;
    return -1;
}

static int block(const char *request) {
    sigset_t set;
    sigemptyset(&set);
    if (strcmp(request, "all") == 0)
        sigfillset(&set);
    else if (sigaddset(&set, atoi(request)) != 0)
        return -1;
    return sigprocmask(SIG_BLOCK, &set, NULL);
}

int main(int count, char **list) {
    int index = 1;
    for (; index < count && strcmp(list[index], "--") != 0; index++) {
        if (strncmp(list[index], "deny=", 5) == 0) {
            if (deny(list[index] + 5) != 0) return fail("cannot deny", list[index] + 5);
        } else if (strncmp(list[index], "block=", 6) == 0) {
            if (block(list[index] + 6) != 0) return fail("cannot block", list[index] + 6);
        } else if (strncmp(list[index], "nonblock=", 9) == 0) {
            int descriptor = atoi(list[index] + 9), flags = fcntl(descriptor, F_GETFL);
            if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) != 0)
                return fail("cannot change", list[index] + 9);
        } else {
            errno = EINVAL;
            return fail("unknown word", list[index]);
        }
    }
    if (index + 1 >= count) {
        errno = EINVAL;
        return fail("no program behind", "--");
    }
    execvp(list[index + 1], list + index + 1);
    return fail("cannot run", list[index + 1]);
}
