// The umbrella of the kernel headers: the module CKernels is what these files declare.
#pragma once

#include "attention.h"
#include "copy.h"
#include "cpu.h"
#include "dense.h"
#include "quantise.h"
#include "reduce.h"
