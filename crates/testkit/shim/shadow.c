/*
 * A copy of what a disk would still hold after a power cut.
 *
 * The actors: a program under test, whose files below FILE_SHIM_DATA it writes and syncs; and a
 * test, which kills the program and puts the directory FILE_SHIM_SHADOW in the place of the
 * data. A file gets into the shadow when it is synced, and as it was then. A killed process leaves
 * every write it made in the kernel's cache, so without a shadow nothing would ever be lost.
 *
 * Only ranges written since the last sync are copied, so that a run of many commits is not slowed
 * down by the size of the file. Names are simpler than on a real disk: a removal or a renaming
 * counts at once, while a disk may keep it back until the directory is synced.
 *
 * FILE_SHIM_SYNCS names a file of eight bytes that counts the syncs, in the machine's order.
 *
 * A maintainer could get it wrong by copying before the sync has succeeded, or by counting a write
 * that came after it: the program under test must not write to a file while it syncs it. Freight's
 * store has one writer, so it does not.
 */
#define _GNU_SOURCE
#include "shadow.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define DESCRIPTORS 4096
#define FILES 256

/* What is known of a file, whatever descriptors it is open under. */
struct file {
    dev_t device;
    ino_t inode;
    off_t from, to; /* written since the last sync; none when from >= to */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct file files[FILES];
static int file_count;
static struct file *by_descriptor[DESCRIPTORS];
static const char *data_directory, *shadow_directory;
static uint64_t *sync_count;

__attribute__((constructor)) static void start(void) {
    data_directory = getenv("FILE_SHIM_DATA");
    shadow_directory = getenv("FILE_SHIM_SHADOW");
    const char *counter = getenv("FILE_SHIM_SYNCS");
    if (counter == NULL)
        return;
    int fd = open(counter, O_RDWR);
    if (fd < 0 || ftruncate(fd, sizeof *sync_count) != 0)
        abort();
    void *page = mmap(NULL, sizeof *sync_count, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        abort();
    sync_count = page;
    close(fd);
}

/* The place of a path in the shadow; 0 when it is none of ours. */
static int shadow_path(const char *path, char out[PATH_MAX]) {
    size_t length = data_directory == NULL ? 0 : strlen(data_directory);
    if (shadow_directory == NULL || length == 0 || strncmp(path, data_directory, length) != 0 || path[length] != '/')
        return 0;
    int written = snprintf(out, PATH_MAX, "%s%s", shadow_directory, path + length);
    return written > 0 && written < PATH_MAX;
}

static int path_of(int fd, char out[PATH_MAX]) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, out, PATH_MAX - 1);
    if (length <= 0)
        return 0;
    out[length] = '\0';
    return 1;
}

static struct file *file_of(int fd) {
    return fd >= 0 && fd < DESCRIPTORS ? by_descriptor[fd] : NULL;
}

void shadow_opened(int fd) {
    char path[PATH_MAX], copy[PATH_MAX];
    struct stat stat;
    if (fd < 0 || data_directory == NULL || !path_of(fd, path) || !shadow_path(path, copy))
        return;
    if (fd >= DESCRIPTORS || fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode))
        return;
    pthread_mutex_lock(&lock);
    struct file *file = NULL;
    for (int n = 0; n < file_count; n++)
        if (files[n].device == stat.st_dev && files[n].inode == stat.st_ino)
            file = &files[n];
    if (file == NULL) {
        if (file_count == FILES)
            abort();
        /* Nothing is known of what it holds, so all of it counts as written. */
        file = &files[file_count++];
        *file = (struct file){stat.st_dev, stat.st_ino, 0, INT64_MAX};
    }
    by_descriptor[fd] = file;
    pthread_mutex_unlock(&lock);
}

void shadow_closed(int fd) {
    if (file_of(fd) == NULL)
        return;
    pthread_mutex_lock(&lock);
    by_descriptor[fd] = NULL;
    pthread_mutex_unlock(&lock);
}

void shadow_dirtied(int fd, off_t from, off_t to) {
    if (file_of(fd) == NULL)
        return;
    pthread_mutex_lock(&lock);
    struct file *file = file_of(fd);
    if (file != NULL && file->from >= file->to) {
        file->from = from;
        file->to = to;
    } else if (file != NULL) {
        file->from = from < file->from ? from : file->from;
        file->to = to > file->to ? to : file->to;
    }
    pthread_mutex_unlock(&lock);
}

/* A shadow that is not what it says would make every verdict worthless: better no run at all. */
static void copy_range(int from_fd, int to_fd, off_t from, off_t to) {
    static char buffer[1 << 16];
    while (from < to) {
        size_t wanted = to - from < (off_t)sizeof buffer ? (size_t)(to - from) : sizeof buffer;
        ssize_t got = pread(from_fd, buffer, wanted, from);
        if (got <= 0 || pwrite(to_fd, buffer, (size_t)got, from) != got)
            abort();
        from += got;
    }
}

void shadow_synced(int fd) {
    if (sync_count != NULL)
        __atomic_fetch_add(sync_count, 1, __ATOMIC_SEQ_CST);
    if (file_of(fd) == NULL)
        return;
    char path[PATH_MAX], copy[PATH_MAX];
    struct stat stat;
    pthread_mutex_lock(&lock);
    struct file *file = file_of(fd);
    if (file != NULL && path_of(fd, path) && shadow_path(path, copy)) {
        int to_fd = open(copy, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (to_fd < 0 || fstat(fd, &stat) != 0 || ftruncate(to_fd, stat.st_size) != 0)
            abort();
        /* Read through the program's own descriptor: closing another one would drop its locks. */
        copy_range(fd, to_fd, file->from, file->to < stat.st_size ? file->to : stat.st_size);
        close(to_fd);
        file->from = file->to = 0;
    }
    pthread_mutex_unlock(&lock);
}

void shadow_unlinked(const char *path) {
    char copy[PATH_MAX];
    if (shadow_path(path, copy))
        unlink(copy);
}

void shadow_renamed(const char *from, const char *to) {
    char from_copy[PATH_MAX], to_copy[PATH_MAX];
    if (shadow_path(from, from_copy) && shadow_path(to, to_copy))
        rename(from_copy, to_copy);
}
