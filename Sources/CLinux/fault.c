#define _GNU_SOURCE
#include "fault.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { most_mappings = 1024, state_free = 0, state_changing = 1, state_known = 2 };

struct mapping {
    uint32_t state;
    int kind, descriptor;
    uintptr_t base;
    uint64_t bytes;
    struct timespec changed;
    char *path;
};

static struct mapping mappings[most_mappings];
static char process_name[128] = "the process";
static uint64_t *told_word;
static uint32_t is_telling;

int softpod_watch_mapping(const void *base, uint64_t bytes, int descriptor, int kind, const char *path) {
    for (int place = 0; place < most_mappings; place++) {
        struct mapping *mapping = &mappings[place];
        uint32_t expected = state_free;
        // Acquires what softpod_forget_mapping released.
        if (!__atomic_compare_exchange_n(&mapping->state, &expected, state_changing, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            continue;
        struct stat info;
        mapping->kind = kind;
        mapping->descriptor = descriptor;
        mapping->base = (uintptr_t)base;
        mapping->bytes = bytes;
        mapping->changed = fstat(descriptor, &info) == 0 ? info.st_mtim : (struct timespec){0, 0};
        mapping->path = path ? strdup(path) : NULL;
        // Releases the fields; acquired in the handler.
        __atomic_store_n(&mapping->state, state_known, __ATOMIC_RELEASE);
        return place;
    }
    return -1;
}

void softpod_forget_mapping(int place) {
    if (place < 0 || place >= most_mappings) return;
    struct mapping *mapping = &mappings[place];
    __atomic_store_n(&mapping->state, state_changing, __ATOMIC_RELAXED);
    free(mapping->path);
    mapping->path = NULL;
    // Releases the place; acquired in softpod_watch_mapping.
    __atomic_store_n(&mapping->state, state_free, __ATOMIC_RELEASE);
}

// A line under construction. Everything from here on runs in the handler: system calls and plain stores only.
struct line {
    char text[1024];
    size_t count;
};

static void put(struct line *line, const char *text) {
    while (*text && line->count < sizeof line->text - 1) {
        // A path may hold anything; the line stays one line.
        unsigned char byte = (unsigned char)*text++;
        line->text[line->count++] = byte < 32 || byte == 127 ? '?' : (char)byte;
    }
}

static void put_number(struct line *line, uint64_t number) {
    char digits[24];
    size_t start = sizeof digits - 1;
    digits[start] = 0;
    do digits[--start] = (char)('0' + number % 10);
    while (number /= 10);
    put(line, digits + start);
}

static void put_share(struct line *line, uint64_t part, uint64_t whole) {
    put_number(line, part);
    put(line, " of ");
    put_number(line, whole);
    put(line, " bytes");
}

static void describe_segment(struct line *line, const struct mapping *mapping, const struct stat *now) {
    struct statfs space;
    if (now && (uint64_t)now->st_size < mapping->bytes) {
        put(line, "lost its shared memory: the segment was truncated from outside, to ");
        return put_share(line, (uint64_t)now->st_size, mapping->bytes);
    }
    if (mapping->kind == softpod_mapping_memory_file)
        return put(line, "ran out of memory: the system had no page for the segment (a memfd)");
    put(line, "ran out of shared memory: /dev/shm is full");
    if (fstatfs(mapping->descriptor, &space) == 0 && space.f_blocks > 0) {
        put(line, " (");
        put_share(line, (uint64_t)space.f_bavail * (uint64_t)space.f_bsize, (uint64_t)space.f_blocks * (uint64_t)space.f_bsize);
        put(line, " are free; make room in it, or make it larger)");
    }
}

static void describe_file(struct line *line, const struct mapping *mapping, const struct stat *now) {
    const char *path = mapping->path ? mapping->path : "a file";
    if (now && (uint64_t)now->st_size < mapping->bytes) {
        put(line, "lost a file: ");
        put(line, path);
        put(line, " was truncated while it was mapped, to ");
        return put_share(line, (uint64_t)now->st_size, mapping->bytes);
    }
    if (now && (now->st_mtim.tv_sec != mapping->changed.tv_sec || now->st_mtim.tv_nsec != mapping->changed.tv_nsec)) {
        put(line, "lost a file: ");
        put(line, path);
        return put(line, " was overwritten while it was mapped");
    }
    put(line, "could not read a file: ");
    put(line, path);
    put(line, " is whole, but its storage failed");
}

static void describe(struct line *line, const siginfo_t *info) {
    uintptr_t address = (uintptr_t)info->si_addr;
    if (info->si_code == BUS_MCEERR_AR) return put(line, "met a memory error of the machine");
    for (int place = 0; place < most_mappings; place++) {
        const struct mapping *mapping = &mappings[place];
        // Acquires the fields that softpod_watch_mapping released.
        if (__atomic_load_n(&mapping->state, __ATOMIC_ACQUIRE) != state_known) continue;
        // Up to the end of the last page.
        if (address < mapping->base || address - mapping->base >= ((mapping->bytes + 4095) & ~(uint64_t)4095)) continue;
        struct stat now;
        const struct stat *known = fstat(mapping->descriptor, &now) == 0 ? &now : NULL;
        if (mapping->kind == softpod_mapping_file) return describe_file(line, mapping, known);
        return describe_segment(line, mapping, known);
    }
    put(line, "met a bus error outside of all mappings it knows");
}

static void tell(const siginfo_t *info) {
    struct line line = {.count = 0};
    put(&line, "softpod: ");
    put(&line, process_name);
    put(&line, " (pid ");
    put_number(&line, (uint64_t)getpid());
    put(&line, ") ");
    describe(&line, info);
    line.text[line.count++] = '\n';
    // A reader that does not read must not keep the process.
    struct pollfd output = {.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
    if (poll(&output, 1, 100) != 1 || write(STDERR_FILENO, line.text, line.count) != (ssize_t)line.count) return;
    uint64_t nothing = 0;
    // The word may lie in the memory that is gone; then this is where the process dies. Nothing is ordered by it.
    uint64_t *word = __atomic_load_n(&told_word, __ATOMIC_RELAXED);
    if (word)
        __atomic_compare_exchange_n(word, &nothing, (uint64_t)getpid(), 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static void on_bus_error(int number, siginfo_t *info, void *context) {
    (void)context;
    // Threads may fall together: one speaks, the others wait for the end. Nothing is ordered by the word.
    if (__atomic_exchange_n(&is_telling, 1, __ATOMIC_RELAXED)) {
        for (;;) poll(NULL, 0, 1000);
    }
    // Sent by a process, it is no error of memory.
    if (info->si_code > 0) tell(info);
    // The signal is blocked here: it is delivered, and deadly, when this returns.
    signal(number, SIG_DFL);
    raise(number);
}

void softpod_explain_bus_errors(void) {
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}

void softpod_name_bus_errors(const char *name, uint64_t *word) {
    strncpy(process_name, name, sizeof process_name - 1);
    // Nothing is ordered by it: the handler only needs the whole pointer.
    __atomic_store_n(&told_word, word, __ATOMIC_RELAXED);
}
