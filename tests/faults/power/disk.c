/*
 * Notes what a program does to the files below one folder, for a power cut that comes later.
 *
 * LD_PRELOAD=disk.so OUTGROW_POWER_ROOT=/folder OUTGROW_POWER_LOG=/log program. Every call is carried
 * out as it is; then a record of it is appended to the log. What a disk would hold after a power cut
 * is worked out from the log by power/disk.py: all that was synced, and of the rest nothing, or parts.
 *
 * A record is made after the call: whoever is told that a call is done finds its record in the log.
 * Memory that is mapped is not seen; SQLite maps its -shm alone, and PostgreSQL none of its files.
 *
 * While there is a file OUTGROW_POWER_LOG.full, nothing can be written: the disk is full.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct header {
    uint32_t kind; /* 'W' write, 'T' truncate, 'B' sync begins, 'E' sync ends, 'R' rename, 'U' unlink */
    uint32_t path_length;
    uint64_t offset; /* of a sync: its number */
    uint64_t length; /* of what follows the path: data, or the other path */
};

static char root[PATH_MAX], full[PATH_MAX];
static size_t root_length;
static int log_file = -1;
static uint64_t syncs;

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("OUTGROW_POWER_ROOT"), *log = getenv("OUTGROW_POWER_LOG");
    if (!folder || !log || !realpath(folder, root)) return;
    root_length = strlen(root);
    snprintf(full, sizeof full, "%s.full", log);
    /* High, so that programs which close low descriptors leave it alone. */
    int low = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    log_file = fcntl(low, F_DUPFD_CLOEXEC, 900);
    if (log_file >= 0) syscall(SYS_close, low);
    else log_file = low;
}

static void note(uint32_t kind, const char *path, uint64_t offset, const struct iovec *parts, int count) {
    struct iovec all[IOV_MAX];
    struct header header = {kind, (uint32_t)strlen(path), offset, 0};
    int error = errno;
    if (count > IOV_MAX - 2) abort();
    all[0] = (struct iovec){&header, sizeof header};
    all[1] = (struct iovec){(void *)path, header.path_length};
    for (int i = 0; i < count; i++) {
        all[i + 2] = parts[i];
        header.length += parts[i].iov_len;
    }
    size_t whole = sizeof header + header.path_length + header.length;
    if (syscall(SYS_writev, log_file, all, count + 2) != (ssize_t)whole) abort();
    errno = error;
}

/* The path below the root, or NULL; `found` keeps it. */
static const char *below(const char *path, char *found) {
    if (log_file < 0) return NULL;
    char folder[PATH_MAX], whole[PATH_MAX + 256];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    if (slash == path) strcpy(folder, "/");
    char *real = realpath(folder, NULL);
    if (!real) return NULL;
    snprintf(whole, sizeof whole, "%s/%s", real, slash ? slash + 1 : path);
    free(real);
    if (strncmp(whole, root, root_length) || whole[root_length] != '/') return NULL;
    snprintf(found, PATH_MAX, "%s", whole + root_length + 1);
    return found;
}

static const char *of_file(int file, char *found) {
    char link[64], whole[PATH_MAX];
    if (log_file < 0 || file < 0) return NULL;
    int error = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, whole, sizeof whole - 1);
    errno = error;
    if (length <= (ssize_t)root_length) return NULL;
    whole[length] = 0;
    if (strncmp(whole, root, root_length) || whole[root_length] != '/') return NULL;
    size_t rest = strlen(whole);
    if (rest > 10 && !strcmp(whole + rest - 10, " (deleted)")) return NULL;
    snprintf(found, PATH_MAX, "%s", whole + root_length + 1);
    return found;
}

static int is_full(int file) {
    char found[PATH_MAX];
    if (log_file < 0 || access(full, F_OK) || !of_file(file, found)) return 0;
    errno = ENOSPC;
    return 1;
}

static void note_written(int file, const struct iovec *parts, int count, off_t offset, ssize_t written) {
    char found[PATH_MAX];
    struct iovec cut[IOV_MAX];
    if (written <= 0) return;
    const char *path = of_file(file, found);
    if (!path) return;
    size_t left = (size_t)written;
    int used = 0;
    for (; used < count && left; used++) {
        cut[used] = parts[used];
        if (cut[used].iov_len > left) cut[used].iov_len = left;
        left -= cut[used].iov_len;
    }
    if (offset < 0) {
        int error = errno;
        offset = lseek(file, 0, SEEK_CUR) - written; /* right for O_APPEND as well */
        errno = error;
    }
    note('W', path, (uint64_t)offset, cut, used);
}

ssize_t write(int file, const void *data, size_t length) {
    REAL(write);
    if (is_full(file)) return -1;
    ssize_t written = real(file, data, length);
    note_written(file, &(struct iovec){(void *)data, length}, 1, -1, written);
    return written;
}

ssize_t pwrite(int file, const void *data, size_t length, off_t offset) {
    REAL(pwrite);
    if (is_full(file)) return -1;
    ssize_t written = real(file, data, length, offset);
    note_written(file, &(struct iovec){(void *)data, length}, 1, offset, written);
    return written;
}

ssize_t pwrite64(int file, const void *data, size_t length, off64_t offset) {
    return pwrite(file, data, length, offset);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
    REAL(writev);
    if (is_full(file)) return -1;
    ssize_t written = real(file, parts, count);
    note_written(file, parts, count, -1, written);
    return written;
}

ssize_t pwritev(int file, const struct iovec *parts, int count, off_t offset) {
    REAL(pwritev);
    if (is_full(file)) return -1;
    ssize_t written = real(file, parts, count, offset);
    note_written(file, parts, count, offset, written);
    return written;
}

ssize_t pwritev64(int file, const struct iovec *parts, int count, off64_t offset) {
    return pwritev(file, parts, count, offset);
}

static void note_length(int file, off_t length) {
    char found[PATH_MAX];
    const char *path = of_file(file, found);
    if (path) note('T', path, (uint64_t)length, NULL, 0);
}

int ftruncate(int file, off_t length) {
    REAL(ftruncate);
    int done = real(file, length);
    if (!done) note_length(file, length);
    return done;
}

int ftruncate64(int file, off64_t length) { return ftruncate(file, length); }

int posix_fallocate(int file, off_t offset, off_t length) {
    REAL(posix_fallocate);
    if (is_full(file)) return ENOSPC;
    int done = real(file, offset, length);
    struct stat now;
    if (!done && !fstat(file, &now)) note_length(file, now.st_size);
    return done;
}

int posix_fallocate64(int file, off64_t offset, off64_t length) {
    return posix_fallocate(file, offset, length);
}

static int sync_noted(int file, int (*sync)(int)) {
    char found[PATH_MAX];
    const char *path = of_file(file, found);
    if (!path) return sync(file);
    uint64_t number = ((uint64_t)getpid() << 32) + __atomic_add_fetch(&syncs, 1, __ATOMIC_SEQ_CST);
    note('B', path, number, NULL, 0);
    int done = sync(file);
    if (!done) note('E', path, number, NULL, 0);
    return done;
}

int fsync(int file) {
    REAL(fsync);
    return sync_noted(file, real);
}

int fdatasync(int file) {
    REAL(fdatasync);
    return sync_noted(file, real);
}

int rename(const char *before, const char *after) {
    REAL(rename);
    char first[PATH_MAX], second[PATH_MAX];
    int done = real(before, after);
    if (!done && below(before, first) && below(after, second))
        note('R', first, 0, &(struct iovec){second, strlen(second)}, 1);
    return done;
}

int unlink(const char *path) {
    REAL(unlink);
    char found[PATH_MAX];
    int done = real(path);
    if (!done && below(path, found)) note('U', found, 0, NULL, 0);
    return done;
}

/* A file that is opened with O_TRUNC loses what it held, and that is a change like any other. */
#define OPEN(name, call) \
    int name(const char *path, int flags, ...) { \
        REAL(name); \
        va_list rest; \
        va_start(rest, flags); \
        int mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, int) : 0; \
        va_end(rest); \
        int file = real(path, flags, mode); \
        if (file >= 0 && (flags & O_TRUNC)) note_length(file, 0); \
        return file; \
    }

OPEN(open, open)
OPEN(open64, open64)
