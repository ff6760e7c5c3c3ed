#define _GNU_SOURCE
#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

int softpod_signal_descriptor(int with_continue, int with_children) {
    static const int wanted[] = {SIGINT, SIGTERM, SIGHUP, SIGTSTP};
    sigset_t set;
    sigemptyset(&set);
    if (with_continue) sigaddset(&set, SIGCONT);
    if (with_children) sigaddset(&set, SIGCHLD);
    for (unsigned index = 0; index < sizeof wanted / sizeof *wanted; index++) {
        // A signal that is blocked is queued even if it is ignored, so one that is to stay ignored must not be blocked.
        struct sigaction found;
        if (sigaction(wanted[index], NULL, &found) == 0 && found.sa_handler == SIG_IGN) continue;
        sigaddset(&set, wanted[index]);
    }
    int code = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (code != 0) return -code;
    int descriptor = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return descriptor >= 0 ? descriptor : -errno;
}

int softpod_next_signal(int descriptor) {
    struct signalfd_siginfo info;
    return read(descriptor, &info, sizeof info) == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

void softpod_stop_self(void) {
    sigset_t stop, before;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    raise(SIGTSTP);
    // Delivered when it is let through: the default stops the process here, and the next line runs when it goes on.
    pthread_sigmask(SIG_UNBLOCK, &stop, &before);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int softpod_wake_at_parent_death(void) { return prctl(PR_SET_PDEATHSIG, SIGCONT) == 0 ? 0 : errno; }

int softpod_parent_death_descriptor(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCONT);
    int code = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (code != 0) return -code;
    int descriptor = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (descriptor < 0) return -errno;
    code = softpod_wake_at_parent_death();
    if (code == 0) return descriptor;
    close(descriptor);
    return -code;
}
