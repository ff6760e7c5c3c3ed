// The table that every processor of the architecture can run; it defines all results.
#include "table.h"

extern const softpod_kernels softpod_table_portable;
const softpod_kernels softpod_table_portable = SOFTPOD_TABLE("portable");
