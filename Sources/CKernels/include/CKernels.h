#pragma once

#include "quantise.h"
