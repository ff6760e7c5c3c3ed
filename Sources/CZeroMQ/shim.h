#ifndef SOFTPOD_CZEROMQ_SHIM_H
#define SOFTPOD_CZEROMQ_SHIM_H
#include <zmq.h>
#endif
