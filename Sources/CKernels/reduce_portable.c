#define SUFFIX _portable
#include "reduce_body.h"
