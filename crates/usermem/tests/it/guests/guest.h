// What the guest programs share: raw system calls and buffered output.
//
// Raw, because the C library checks, splits and retries; here every argument reaches the kernel as written and
// every result is shown as it came back.
#ifndef GUEST_H
#define GUEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef unsigned long word;

static inline long raw(long number, word a, word b, word c, word d, word e, word f)
{
    register word r10 asm("r10") = d;
    register word r8 asm("r8") = e;
    register word r9 asm("r9") = f;
    long result;
    asm volatile("syscall"
                 : "=a"(result)
                 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                 : "rcx", "r11", "memory");
    return result;
}

#define CALL0(n) raw(SYS_##n, 0, 0, 0, 0, 0, 0)
#define CALL1(n, a) raw(SYS_##n, (word)(a), 0, 0, 0, 0, 0)
#define CALL2(n, a, b) raw(SYS_##n, (word)(a), (word)(b), 0, 0, 0, 0)
#define CALL3(n, a, b, c) raw(SYS_##n, (word)(a), (word)(b), (word)(c), 0, 0, 0)
#define CALL4(n, a, b, c, d) raw(SYS_##n, (word)(a), (word)(b), (word)(c), (word)(d), 0, 0)
#define CALL5(n, a, b, c, d, e) raw(SYS_##n, (word)(a), (word)(b), (word)(c), (word)(d), (word)(e), 0)
#define CALL6(n, a, b, c, d, e, f) \
    raw(SYS_##n, (word)(a), (word)(b), (word)(c), (word)(d), (word)(e), (word)(f))

// Output gathers in static memory and leaves with write(2): nothing allocates, nothing depends on stdio.
static char output[4 << 20];
static size_t output_len;

static inline void flush(void)
{
    size_t done = 0;
    while (done < output_len) {
        long n = CALL3(write, 1, output + done, output_len - done);
        if (n <= 0)
            break;
        done += n;
    }
    output_len = 0;
}

__attribute__((format(printf, 1, 2))) static inline void say(const char *format, ...)
{
    if (output_len > sizeof output - 4096)
        flush();
    va_list list;
    va_start(list, format);
    output_len += vsnprintf(output + output_len, 4096, format, list);
    va_end(list);
}

static inline const char *error_name(long result)
{
    static char number[32];
    switch (-result) {
#define NAME(e) case e: return #e;
        NAME(EPERM) NAME(ENOENT) NAME(EINTR) NAME(EIO) NAME(E2BIG) NAME(EBADF) NAME(EAGAIN) NAME(ENOMEM)
        NAME(EACCES) NAME(EFAULT) NAME(EEXIST) NAME(EXDEV) NAME(ENOTDIR) NAME(EISDIR) NAME(EINVAL) NAME(EMFILE)
        NAME(ENOTTY) NAME(EFBIG) NAME(ENOSPC) NAME(ESPIPE) NAME(EROFS) NAME(EPIPE) NAME(EDOM) NAME(ERANGE)
        NAME(ENAMETOOLONG) NAME(ENOSYS) NAME(ENOTEMPTY) NAME(ELOOP) NAME(ENODATA) NAME(EOVERFLOW) NAME(ESRCH)
        NAME(EBUSY) NAME(ENODEV) NAME(ENXIO) NAME(EOPNOTSUPP) NAME(EAFNOSUPPORT) NAME(ECHILD) NAME(ETXTBSY)
        NAME(ETIMEDOUT) NAME(ENOEXEC)
#undef NAME
    }
    snprintf(number, sizeof number, "errno %ld", -result);
    return number;
}

// A result as text: a number, or an error's name. One static buffer: use it once per statement.
static inline const char *shown(long result)
{
    static char text[32];
    if (result < 0 && result >= -4095)
        return error_name(result);
    snprintf(text, sizeof text, "%ld", result);
    return text;
}

// For results whose value depends on the machine: only whether the call worked.
static inline const char *worked(long result)
{
    return result < 0 && result >= -4095 ? error_name(result) : "ok";
}

static inline void finish(int status)
{
    flush();
    CALL1(exit_group, status);
    __builtin_unreachable();
}

// An area at the same address in every run, far from where the host and we put things by ourselves.
#define ARENA 0x200000000000UL
#define PAGE 4096UL

#endif
