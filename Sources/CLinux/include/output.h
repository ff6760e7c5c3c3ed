#ifndef SOFTPOD_CLINUX_OUTPUT_H
#define SOFTPOD_CLINUX_OUTPUT_H

// Writing that never waits for the reader, without changing the flags of a description that other processes share.

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// Opens the pipe or terminal behind a descriptor once more, non-blocking; -1 where it is neither or cannot be opened.
int softpod_reopen_nonblocking(int descriptor);

/// Writes what can be written at once: bytes written, or a negative errno (-EAGAIN: nothing now).
///
/// `reopened` is what softpod_reopen_nonblocking gave for the descriptor. Where that is -1, a pipe or terminal is asked for room first
/// and given at most PIPE_BUF bytes, which it takes without blocking unless another process fills it in between.
ssize_t softpod_write_now(int descriptor, int reopened, const void *bytes, size_t count);

/// Waits until the descriptor may take more, or so many milliseconds have passed (negative: no limit).
void softpod_await_room(int descriptor, int milliseconds);

#endif
