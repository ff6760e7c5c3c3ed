#ifndef SOFTPOD_CYAML_SHIM_H
#define SOFTPOD_CYAML_SHIM_H
#include <yaml.h>
#endif
