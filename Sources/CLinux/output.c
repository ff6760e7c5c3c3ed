#define _GNU_SOURCE
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

int softpod_reopen_nonblocking(int descriptor) {
    struct stat info;
    if (fstat(descriptor, &info) != 0 || !(S_ISFIFO(info.st_mode) || S_ISCHR(info.st_mode))) return -1;
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

ssize_t softpod_write_now(int descriptor, int reopened, const void *bytes, size_t count) {
    ssize_t written;
    if (reopened >= 0) {
        written = write(reopened, bytes, count);
    } else {
        struct stat info;
        if (fstat(descriptor, &info) != 0) return -errno;
        if (S_ISSOCK(info.st_mode)) {
            written = send(descriptor, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
        } else if (S_ISREG(info.st_mode) || S_ISBLK(info.st_mode)) {
            written = write(descriptor, bytes, count);
        } else {
            struct pollfd room = {.fd = descriptor, .events = POLLOUT};
            if (poll(&room, 1, 0) <= 0) return -EAGAIN;
            written = write(descriptor, bytes, count < PIPE_BUF ? count : PIPE_BUF);
        }
    }
    if (written >= 0) return written;
    return errno == EINTR ? -EAGAIN : -errno;
}

void softpod_await_room(int descriptor, int milliseconds) {
    struct pollfd room = {.fd = descriptor, .events = POLLOUT};
    poll(&room, 1, milliseconds);
}
