// CRC-32C (Castagnoli): polynomial 0x1EDC6F41, reflected, initial value and final exclusive or all ones, as in RFC 3720 B.4.
#pragma once

#include <stdint.h>

/// Continues a checksum over more bytes: start with 0, pass on what was returned. Uses the CPU's instruction where it has one.
uint32_t softpod_crc32c(uint32_t checksum, const void *bytes, uint64_t count);

/// The same by a table, on every machine: what the fast form is compared with.
uint32_t softpod_crc32c_portable(uint32_t checksum, const void *bytes, uint64_t count);
