// Counts what a stretch of code does behind its author's back: heap allocations, and retains and releases by the Swift
// runtime. Counters belong to the calling thread, so other threads of the test process do not show.
#pragma once

#include <stdint.h>

struct softpod_counts {
    uint64_t allocations;
    uint64_t retains;
    uint64_t releases;
    uint64_t objects;
};

/// Starts counting on this thread. Returns 0 where this build cannot count (under a sanitizer).
int softpod_counting_begin(void);

/// Stops counting on this thread and says what there was.
struct softpod_counts softpod_counting_end(void);
