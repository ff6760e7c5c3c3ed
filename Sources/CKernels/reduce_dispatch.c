// Sends a reduction to the code for this processor.
#include "reduce.h"

#if defined(__x86_64__)
#define COPIES(NAME, PARAMETERS)                    \
    void softpod_reduce_##NAME##_portable PARAMETERS; \
    void softpod_reduce_##NAME##_avx2 PARAMETERS;
#define CHOOSE(NAME) (avx2 ? softpod_reduce_##NAME##_avx2 : softpod_reduce_##NAME##_portable)
#else
#define COPIES(NAME, PARAMETERS) void softpod_reduce_##NAME##_portable PARAMETERS;
#define CHOOSE(NAME) ((void)avx2, softpod_reduce_##NAME##_portable)
#endif

COPIES(load, (int type, void *accumulators, const void *source, size_t count))
COPIES(accumulate, (int type, int reduction, void *accumulators, const void *source, size_t count))
COPIES(store, (int type, void *destination, const void *accumulators, size_t count))

void softpod_reduce_load(int avx2, int type, void *accumulators, const void *source, size_t count) {
    CHOOSE(load)(type, accumulators, source, count);
}

void softpod_reduce_accumulate(
    int avx2, int type, int reduction, void *accumulators, const void *source, size_t count) {
    CHOOSE(accumulate)(type, reduction, accumulators, source, count);
}

void softpod_reduce_store(int avx2, int type, void *destination, const void *accumulators, size_t count) {
    CHOOSE(store)(type, destination, accumulators, count);
}
