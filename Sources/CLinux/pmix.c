#define _GNU_SOURCE
#include "pmix.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// PMIx Standard: pmix_proc_t.
struct process {
    char namespace_[softpod_pmix_namespace_bytes];
    uint32_t rank;
};

/// PMIx Standard: pmix_info_t.
struct info {
    char key[512];
    uint32_t flags;
    struct softpod_pmix_value value;
};

_Static_assert(sizeof(struct process) == 260, "pmix_proc_t is 260 bytes");
_Static_assert(sizeof(struct softpod_pmix_value) == 32, "pmix_value_t is 32 bytes");
_Static_assert(offsetof(struct softpod_pmix_value, data) == 8, "its data begins at 8");
_Static_assert(sizeof(struct info) == 552 && offsetof(struct info, value) == 520, "pmix_info_t is 552 bytes");

/// Types of values, by their numbers in the standard.
enum { boolean = 1, byte = 2, size = 4, pid = 5, integer = 6, integer8 = 7, integer64 = 10, unsigned_ = 11,
       unsigned8 = 12, unsigned64 = 15, process_rank = 40 };
/// PMIx Standard: PMIX_GLOBAL, shared with every process.
enum { global_scope = 3 };

struct softpod_pmix {
    const char *(*version)(void);
    const char *(*words)(int);
    int (*init)(struct process *, struct info *, size_t);
    int (*put)(uint8_t, const char *, struct softpod_pmix_value *);
    int (*commit)(void);
    int (*fence)(const struct process *, size_t, const struct info *, size_t);
    int (*get)(const struct process *, const char *, const struct info *, size_t, struct softpod_pmix_value **);
    int (*finalize)(const struct info *, size_t);
    int (*abort)(int, const char *, struct process *, size_t);
    // Not in version 3; SoftPod itself does without.
    int (*own_load)(struct softpod_pmix_value *, const void *, uint16_t);
    int (*own_unload)(struct softpod_pmix_value *, void **, size_t *);
};

struct softpod_pmix *softpod_pmix_load(const char *path, char *why, size_t why_bytes) {
    // Global: the library's own plugins look for its symbols.
    void *handle = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    struct softpod_pmix *library = handle ? calloc(1, sizeof *library) : NULL;
    if (!library) {
        const char *words = handle ? "no memory" : dlerror();
        snprintf(why, why_bytes, "%s", words ? words : "cannot be loaded");
        return NULL;
    }
    const struct {
        const char *name;
        void **place;
        int needed;
    } calls[] = {
        {"PMIx_Get_version", (void **)&library->version, 1}, {"PMIx_Error_string", (void **)&library->words, 1},
        {"PMIx_Init", (void **)&library->init, 1},           {"PMIx_Put", (void **)&library->put, 1},
        {"PMIx_Commit", (void **)&library->commit, 1},       {"PMIx_Fence", (void **)&library->fence, 1},
        {"PMIx_Get", (void **)&library->get, 1},             {"PMIx_Finalize", (void **)&library->finalize, 1},
        {"PMIx_Abort", (void **)&library->abort, 1},         {"PMIx_Value_load", (void **)&library->own_load, 0},
        {"PMIx_Value_unload", (void **)&library->own_unload, 0},
    };
    for (size_t index = 0; index < sizeof calls / sizeof *calls; index++) {
        *calls[index].place = dlsym(handle, calls[index].name);
        if (calls[index].needed && !*calls[index].place) {
            snprintf(why, why_bytes, "has no %s", calls[index].name);
            free(library);
            return NULL;
        }
    }
    return library;
}

const char *softpod_pmix_version(const struct softpod_pmix *library) { return library->version(); }
const char *softpod_pmix_words(const struct softpod_pmix *library, int status) { return library->words(status); }

static void set_process(struct process *process, const char *namespace_, uint32_t rank) {
    memset(process, 0, sizeof *process);
    snprintf(process->namespace_, sizeof process->namespace_, "%s", namespace_);
    process->rank = rank;
}

static void set_info(struct info *info, const char *key, uint16_t type, int32_t number) {
    memset(info, 0, sizeof *info);
    snprintf(info->key, sizeof info->key, "%s", key);
    info->value.type = type;
    if (type == boolean)
        *(unsigned char *)info->value.data = number != 0;
    else
        memcpy(info->value.data, &number, sizeof number);
}

int softpod_pmix_init(const struct softpod_pmix *library, char namespace_[softpod_pmix_namespace_bytes],
                      uint32_t *rank) {
    struct process self;
    set_process(&self, "", 0);
    int status = library->init(&self, NULL, 0);
    memcpy(namespace_, self.namespace_, softpod_pmix_namespace_bytes);
    namespace_[softpod_pmix_namespace_bytes - 1] = 0;
    *rank = self.rank;
    return status;
}

int softpod_pmix_put(const struct softpod_pmix *library, const char *key, const void *bytes, size_t count) {
    char name[512] = {0};
    snprintf(name, sizeof name, "%s", key);
    struct softpod_pmix_value value = {
        .type = softpod_pmix_byte_object, .data = {(uint64_t)(uintptr_t)bytes, count, 0}};
    return library->put(global_scope, name, &value);
}

int softpod_pmix_commit(const struct softpod_pmix *library) { return library->commit(); }

int softpod_pmix_fence(const struct softpod_pmix *library, const char *namespace_, int32_t seconds) {
    struct process everyone;
    struct info info[2];
    set_process(&everyone, namespace_, softpod_pmix_everyone);
    set_info(&info[0], "pmix.collect", boolean, 1);
    set_info(&info[1], "pmix.timeout", integer, seconds);
    return library->fence(&everyone, 1, info, seconds > 0 ? 2 : 1);
}

int softpod_pmix_get(const struct softpod_pmix *library, const char *namespace_, uint32_t rank, const char *key, int local,
                     int32_t seconds, struct softpod_pmix_value **value) {
    struct process process;
    struct info info;
    char name[512] = {0};
    snprintf(name, sizeof name, "%s", key);
    set_process(&process, namespace_, rank);
    if (local)
        set_info(&info, "pmix.optional", boolean, 1);
    else
        set_info(&info, "pmix.timeout", integer, seconds);
    *value = NULL;
    return library->get(&process, name, &info, local || seconds > 0 ? 1 : 0, value);
}

void softpod_pmix_free(struct softpod_pmix_value *value) {
    // Only types whose data is one allocation; of any other the inside is left rather than freed wrongly.
    if (value && (value->type == softpod_pmix_string || value->type == softpod_pmix_byte_object))
        free((void *)(uintptr_t)value->data[0]);
    free(value);
}

int softpod_pmix_number(const struct softpod_pmix_value *value, uint64_t *number) {
    // The integer types from INT8 to INT64 and from UINT8 to UINT64 follow each other, each twice as long as the one before.
    size_t bytes = 0;
    int is_signed = value->type == pid || (value->type >= integer && value->type <= integer64);
    if (value->type == size) bytes = 8;
    if (value->type == pid || value->type == integer || value->type == unsigned_ || value->type == process_rank) bytes = 4;
    if (value->type == boolean || value->type == byte) bytes = 1;
    if (value->type >= integer8 && value->type <= integer64) bytes = (size_t)1 << (value->type - integer8);
    if (value->type >= unsigned8 && value->type <= unsigned64) bytes = (size_t)1 << (value->type - unsigned8);
    *number = 0;
    if (bytes == 0) return 0;
    memcpy(number, value->data, bytes);
    return !is_signed || !(*number >> (bytes * 8 - 1));
}

const void *softpod_pmix_bytes(const struct softpod_pmix_value *value, size_t *count) {
    const char *bytes = (const char *)(uintptr_t)value->data[0];
    *count = 0;
    if (value->type == softpod_pmix_string && bytes) *count = strlen(bytes);
    if (value->type == softpod_pmix_byte_object && bytes) *count = value->data[1];
    return value->type == softpod_pmix_string || value->type == softpod_pmix_byte_object ? bytes : NULL;
}

int softpod_pmix_finalize(const struct softpod_pmix *library) { return library->finalize(NULL, 0); }

int softpod_pmix_abort(const struct softpod_pmix *library, int status, const char *message) {
    return library->abort(status, message, NULL, 0);
}

int softpod_pmix_own_load(const struct softpod_pmix *library, struct softpod_pmix_value *value, const void *data,
                          uint16_t type) {
    return library->own_load ? library->own_load(value, data, type) : softpod_pmix_not_found;
}

int softpod_pmix_own_unload(const struct softpod_pmix *library, struct softpod_pmix_value *value, void **data,
                            size_t *count) {
    return library->own_unload ? library->own_unload(value, data, count) : softpod_pmix_not_found;
}
