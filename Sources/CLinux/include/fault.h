#ifndef SOFTPOD_CLINUX_FAULT_H
#define SOFTPOD_CLINUX_FAULT_H

// What a process says of a bus error before it dies of it: which mapping it was, and what became of the memory behind it.
// No policy lives here.

#include <stdint.h>

/// What lies behind a mapping.
enum softpod_mapping_kind { softpod_mapping_shared_memory = 1, softpod_mapping_memory_file = 2, softpod_mapping_file = 3 };

/// Makes a mapping known to the handler, with the descriptor behind it and, for a file, its path (copied). Returns its place in the
/// handler's table, or -1 if that is full: a bus error in it is then said to be of an unknown mapping. From any thread.
int softpod_watch_mapping(const void *base, uint64_t bytes, int descriptor, int kind, const char *path);

/// Takes a mapping out of the table, before it is unmapped and its descriptor closed. Nothing happens for -1.
void softpod_forget_mapping(int place);

/// From now on a bus error writes one line to standard error before the process dies of it:
/// `softpod: NAME (pid N) ran out of shared memory: ...`. The status stays that of the signal.
void softpod_explain_bus_errors(void);

/// How that line names this process; at most 127 bytes are kept. Where a word is given, the process's id is put into it (if it holds 0)
/// when the line has been written.
void softpod_name_bus_errors(const char *name, uint64_t *word);

#endif
