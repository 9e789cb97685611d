/*
 * The file calls of a program, each passed on to the C library and then told to the shadow.
 *
 * Loaded with LD_PRELOAD, so that the program under test is the very one that is shipped. A call
 * that fails is told to nobody. Writes through a memory map are not seen: SQLite maps only its
 * `-shm`, which is rebuilt after a crash.
 */
#define _GNU_SOURCE
#include "shadow.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

/* The C library's own version of the function we stand in for. */
#define NEXT(name)                                            \
    static __typeof__(&name) next;                            \
    if (next == NULL)                                         \
        next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#define OPEN(name, ...)                                       \
    va_list rest;                                             \
    va_start(rest, flags);                                    \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
    va_end(rest);                                             \
    NEXT(name);                                               \
    int fd = next(__VA_ARGS__, flags, mode);                  \
    int error = errno;                                        \
    shadow_opened(fd);                                        \
    errno = error;                                            \
    return fd

int open(const char *path, int flags, ...) { OPEN(open, path); }
int open64(const char *path, int flags, ...) { OPEN(open64, path); }
int openat(int at, const char *path, int flags, ...) { OPEN(openat, at, path); }
int openat64(int at, const char *path, int flags, ...) { OPEN(openat64, at, path); }

int close(int fd) {
    NEXT(close);
    shadow_closed(fd);
    return next(fd);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    NEXT(write);
    ssize_t written = next(fd, bytes, length);
    if (written > 0) {
        int error = errno;
        off_t end = lseek(fd, 0, SEEK_CUR);
        if (end >= 0)
            shadow_dirtied(fd, end - written, end);
        errno = error;
    }
    return written;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    NEXT(pwrite);
    ssize_t written = next(fd, bytes, length, at);
    if (written > 0)
        shadow_dirtied(fd, at, at + written);
    return written;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    NEXT(pwrite64);
    ssize_t written = next(fd, bytes, length, at);
    if (written > 0)
        shadow_dirtied(fd, at, at + written);
    return written;
}

/* What a file is cut by may be grown back by a later write with a hole between: all is dirty. */
int ftruncate(int fd, off_t length) {
    NEXT(ftruncate);
    int result = next(fd, length);
    if (result == 0)
        shadow_dirtied(fd, 0, INT64_MAX);
    return result;
}

int ftruncate64(int fd, off64_t length) {
    NEXT(ftruncate64);
    int result = next(fd, length);
    if (result == 0)
        shadow_dirtied(fd, 0, INT64_MAX);
    return result;
}

int fsync(int fd) {
    NEXT(fsync);
    int result = next(fd);
    if (result == 0)
        shadow_synced(fd);
    return result;
}

int fdatasync(int fd) {
    NEXT(fdatasync);
    int result = next(fd);
    if (result == 0)
        shadow_synced(fd);
    return result;
}

int unlink(const char *path) {
    NEXT(unlink);
    int result = next(path);
    if (result == 0)
        shadow_unlinked(path);
    return result;
}

int rename(const char *from, const char *to) {
    NEXT(rename);
    int result = next(from, to);
    if (result == 0)
        shadow_renamed(from, to);
    return result;
}
