// The umbrella of the kernel headers: the module CKernels is what these files declare.
#pragma once

#include "attention.h"
#include "copy.h"
#include "cpu.h"
#include "crc32c.h"
#include "dense.h"
#include "kernels.h"
#include "reduce.h"
#include "rows.h"
