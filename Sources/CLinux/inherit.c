#define _GNU_SOURCE
#include "inherit.h"

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

static int argument_count;
static char **argument_list;

/// glibc hands the arguments to every constructor.
__attribute__((constructor)) static void keep_arguments(int count, char **list, char **environment) {
    (void)environment;
    argument_count = count;
    argument_list = list;
}

int softpod_argument_count(void) { return argument_count; }

const char *softpod_argument(int index) {
    return index >= 0 && index < argument_count ? argument_list[index] : NULL;
}

const char *softpod_started_path(void) { return (const char *)getauxval(AT_EXECFN); }

/// Signals that a parent may have had a reason to ignore for its children.
static int is_left_ignored(int number) {
    return number == SIGHUP || number == SIGINT || number == SIGQUIT || number == SIGTERM || number == SIGTSTP ||
           number == SIGTTIN;
}

void softpod_settle_inheritance(void) {
    for (int number = 1; number < NSIG; number++) {
        struct sigaction found;
        if (sigaction(number, NULL, &found) != 0) continue;
        // Handlers do not survive an exec, so what is not ignored is at its default or the runtime's own.
        if (found.sa_handler == SIG_IGN && !is_left_ignored(number)) signal(number, SIG_DFL);
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGTTOU, SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    mode_t mask = umask(0);
    umask(mask & ~(mode_t)S_IRWXU);
}

static int abort_status;

static void say_aborted(int number) {
    (void)number;
    static const char line[] =
        "softpod: a library gave up; its own words stand above. The system refused it what it needs: look at the limits on threads "
        "(ulimit -u, the container's pids.max), descriptors (ulimit -n) and memory\n";
    struct pollfd error = {.fd = STDERR_FILENO, .events = POLLOUT};
    // A reader that does not read must not keep a process that is ending.
    if (poll(&error, 1, 100) == 1 && write(STDERR_FILENO, line, sizeof line - 1) < 0) _exit(abort_status);
    _exit(abort_status);
}

void softpod_explain_aborts(int status) {
    abort_status = status;
    signal(SIGABRT, say_aborted);
}
