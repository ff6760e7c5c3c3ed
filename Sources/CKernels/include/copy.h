// Copies past the cache: bytes that nobody here will read again soon go to memory without displacing what is in use.
#pragma once

#include <stddef.h>

/// Copies `bytes` bytes that do not overlap, with stores that bypass the caches where the processor has them, else with
/// memcpy. Any alignment and length.
///
/// Non-temporal stores are weakly ordered: neither a release store nor a lock-free flag after them keeps them in order.
/// The routine therefore ends with a store fence, so that whatever the caller stores next, a flag above all, comes after
/// every byte of the copy.
void softpod_copy_stream(void *destination, const void *source, size_t bytes);

/// 1 if softpod_copy_stream bypasses the caches on this processor.
int softpod_copy_streams(void);
