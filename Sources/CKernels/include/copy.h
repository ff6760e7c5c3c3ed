// Copies of more than a few hundred bytes. Which way is fastest depends on length, alignment and processor; the fabric asks here alone.
//
// The C library's memcpy copies some 2 KiB and more with the processor's string instruction where that is said to be fast. On AMD's
// Zen 3 and 4 it is not where the destination lies a few bytes past the source's offset in its page (3.5 GB/s for 41 to 49;
// glibc bug 30994), so a vector loop does it here. Shorter copies are the library's: it does those with vectors as well.
#pragma once

#include <stddef.h>

/// Bytes of a piece of a long copy where the library makes it: within the second-level cache, and short of its own change of method
/// for long copies, which is made for one process that has the machine to itself.
#define SOFTPOD_COPY_CHUNK_BYTES ((size_t)256 << 10)

/// Bytes from which on softpod_copy copies with vectors of its own. Below, the library has no string instruction, and its loop is as good.
#define SOFTPOD_COPY_LOOP_BYTES 2048

/// Bytes of those vectors on this processor: 64, 32, or 0 if it has none, so that the library copies all.
int softpod_copy_vector_bytes(void);

/// Copies `bytes` bytes of any alignment and length, in the way that suits them; ranges that overlap as memmove does, and more than
/// `stream_bytes` past the caches. Whatever the caller stores next, a flag above all, comes after every byte of the copy.
void softpod_copy(void *destination, const void *source, size_t bytes, size_t stream_bytes);

/// Copies `bytes` bytes that do not overlap with the widest vectors the processor has; with memcpy if it has none, or for fewer
/// bytes than four of them hold.
void softpod_copy_loop(void *destination, const void *source, size_t bytes);

/// Copies `bytes` bytes that do not overlap, with stores that bypass the caches where the processor has them, else with
/// memcpy. Any alignment and length.
///
/// Non-temporal stores are weakly ordered: neither a release store nor a lock-free flag after them keeps them in order.
/// The routine therefore ends with a store fence, so that whatever the caller stores next, a flag above all, comes after
/// every byte of the copy.
void softpod_copy_stream(void *destination, const void *source, size_t bytes);

/// 1 if softpod_copy_stream bypasses the caches on this processor.
int softpod_copy_streams(void);
