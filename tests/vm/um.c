/*
 * Loaded into user-mode Linux (LD_PRELOAD): what it lacks to be a guest here.
 *
 * Processors with AMX. Linux 6.1 keeps the registers of its processes in 2,696 bytes, as many as
 * AVX-512 needs, and the host takes them back in one size alone: that of all that its processor has,
 * 11,008 with AMX. What is set here is made that long. The guest then has the processor without AMX: the
 * parts that do not fit are said to be in their first state.
 *
 * Its end. Its helpers are processes of their own, which would stay, with the guest's memory, when it
 * is killed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

/* Where the area says which parts of it hold something (Intel's manual, "XSAVE header"). */
#define PARTS_AT 512
/* Those that lie in the first 2,696 bytes: all up to AVX-512, and the keys of pages. */
#define PARTS_THAT_FIT UINT64_C(0x2ff)

typedef long (*ptrace_fn)(int, ...);

long ptrace(enum __ptrace_request request, ...)
{
    static ptrace_fn next;
    static char area[1 << 16];
    static size_t whole;
    va_list words;

    va_start(words, request);
    long process = va_arg(words, long);
    void *where = va_arg(words, void *);
    void *data = va_arg(words, void *);
    va_end(words);

    if (!next)
        next = (ptrace_fn)dlsym(RTLD_NEXT, "ptrace");
    if (request != PTRACE_SETREGSET || (uintptr_t)where != NT_X86_XSTATE)
        return next(request, process, where, data);

    struct iovec *given = data, all = {area, sizeof area};
    if (!whole) {
        if (next(PTRACE_GETREGSET, process, where, &all))
            return -1;
        whole = all.iov_len;
    }
    if (given->iov_len >= whole)
        return next(request, process, where, data);
    memset(area, 0, whole);
    memcpy(area, given->iov_base, given->iov_len);
    uint64_t parts;
    memcpy(&parts, area + PARTS_AT, sizeof parts);
    parts &= PARTS_THAT_FIT;
    memcpy(area + PARTS_AT, &parts, sizeof parts);
    all.iov_len = whole;
    return next(request, process, where, &all);
}

typedef int (*clone_fn)(int (*)(void *), void *, int, void *, ...);

struct start {
    int (*run)(void *);
    void *with;
};

static int begin(void *data)
{
    struct start start = *(struct start *)data;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return start.run(start.with);
}

/* User-mode Linux gives no more than these four. */
int clone(int (*run)(void *), void *stack, int flags, void *with, ...)
{
    clone_fn next = (clone_fn)dlsym(RTLD_NEXT, "clone");
    /* At the top of the stack, which grows down and is aligned to 16 bytes. */
    struct start *start = (struct start *)((uintptr_t)stack & ~UINT64_C(15)) - 1;

    start->run = run;
    start->with = with;
    return next(begin, start, flags, start);
}
