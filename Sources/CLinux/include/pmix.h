#ifndef SOFTPOD_CLINUX_PMIX_H
#define SOFTPOD_CLINUX_PMIX_H

// The few calls of a PMIx client that SoftPod needs, out of a library loaded at run time. No policy lives here.
// Layouts and constants are those of the PMIx Standard 3.x, 4.x and 5.x, chapters "Data Structures and Types" and "Client
// Initialization", which are the same in all three; they are written out here so that building needs no PMIx.

#include <stddef.h>
#include <stdint.h>

/// The longest name of a job, with its end, and the types of values that are bytes.
enum { softpod_pmix_namespace_bytes = 256, softpod_pmix_string = 3, softpod_pmix_byte_object = 27 };

/// What calls answer.
static const int softpod_pmix_success = 0;
static const int softpod_pmix_timeout = -24;
static const int softpod_pmix_unreachable = -25;
static const int softpod_pmix_not_found = -46;

/// The rank that stands for a whole namespace.
static const uint32_t softpod_pmix_everyone = UINT32_MAX - 1;

/// A value as the library keeps it: 32 bytes, its data 24 of them.
struct softpod_pmix_value {
    uint16_t type;
    uint64_t data[3];
};

struct softpod_pmix;

/// Loads the library of a path (or name, looked for as the system does) and its calls. NULL with the system's words in `why`.
/// A library once loaded stays.
struct softpod_pmix *softpod_pmix_load(const char *path, char *why, size_t why_bytes);

/// The library's name for its version, and its words for a status.
const char *softpod_pmix_version(const struct softpod_pmix *library);
const char *softpod_pmix_words(const struct softpod_pmix *library, int status);

/// Joins the server that the environment names: own namespace (ends with 0) and rank.
int softpod_pmix_init(const struct softpod_pmix *library, char namespace_[softpod_pmix_namespace_bytes], uint32_t *rank);

/// Bytes of this process under a key; they are copied.
int softpod_pmix_put(const struct softpod_pmix *library, const char *key, const void *bytes, size_t count);

/// Makes what was put known to the server.
int softpod_pmix_commit(const struct softpod_pmix *library);

/// Waits for all processes of the namespace; what each has put is then with all. Seconds: 0 for no limit; a server may ignore it.
int softpod_pmix_fence(const struct softpod_pmix *library, const char *namespace_, int32_t seconds);

/// The value of a rank's key. If `local` is set, the server is not asked. What is found is freed by softpod_pmix_free.
int softpod_pmix_get(const struct softpod_pmix *library, const char *namespace_, uint32_t rank, const char *key, int local,
                     int32_t seconds, struct softpod_pmix_value **value);
void softpod_pmix_free(struct softpod_pmix_value *value);

/// The number in a value of any integer type, if it is one and not negative: 1, else 0.
int softpod_pmix_number(const struct softpod_pmix_value *value, uint64_t *number);

/// The bytes in a string (without its end) or byte object: NULL if it is neither.
const void *softpod_pmix_bytes(const struct softpod_pmix_value *value, size_t *count);

/// Leaves the server.
int softpod_pmix_finalize(const struct softpod_pmix *library);

/// Asks the server to end all processes of the namespace.
int softpod_pmix_abort(const struct softpod_pmix *library, int status, const char *message);

/// The library's own coding of a value, for tests: 0, or a status; softpod_pmix_not_found if the library has no such call.
int softpod_pmix_own_load(const struct softpod_pmix *library, struct softpod_pmix_value *value, const void *data,
                          uint16_t type);
int softpod_pmix_own_unload(const struct softpod_pmix *library, struct softpod_pmix_value *value, void **data,
                            size_t *count);

#endif
