/*
 * A disk that forgets what was not synced, and that fails when it is told to. Loaded with LD_PRELOAD; it has the files below one folder.
 *
 *   FORGETFUL_FOLDER   the folder, absolute
 *   FORGETFUL_DURABLE  an empty folder, for what a power cut leaves (durable.h)
 *   FORGETFUL_CONTROL  a file of one byte: '-' all is well, 'F' it is full, 'W' writes fail, 'S' syncs fail and lose what they were for
 *
 * A file's bytes are durable after fsync or fdatasync of it, its name after fsync of its folder; what is there at the start is durable.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/mman.h>

#include "durable.h"

#define MAX_FDS 65536
#define EXPORT __attribute__((visibility("default")))

static volatile const char *control = "-";
static struct node *by_fd[MAX_FDS];
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void *(*real_dlsym)(void *, const char *);
static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_fsync)(int), (*real_fdatasync)(int), (*real_unlink)(const char *), (*real_mkdir)(const char *, mode_t);

static int is_mode(char mode) { return *control == mode; }

static void begin(void)
{
    static const char *const versions[] = { "GLIBC_2.34", "GLIBC_2.17", "GLIBC_2.2.5" };
    for (size_t i = 0; i < 3 && !real_dlsym; i++) *(void **)&real_dlsym = dlvsym(RTLD_NEXT, "dlsym", versions[i]);
#define REAL(name) *(void **)&real_##name = real_dlsym(RTLD_NEXT, #name)
    REAL(open); REAL(close); REAL(write); REAL(pwrite); REAL(ftruncate); REAL(fsync); REAL(fdatasync);
    REAL(rename); REAL(unlink); REAL(mkdir);
    if (!getenv("FORGETFUL_FOLDER")) return;
    char name[600];
    durable = getenv("FORGETFUL_DURABLE");
    int fd = real_open(getenv("FORGETFUL_CONTROL"), O_RDONLY);
    control = mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);
    real_close(fd);
    for (size_t i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s/%s", durable, i ? "data" : "entries");
        real_mkdir(name, 0700);
    }
    folder = getenv("FORGETFUL_FOLDER");
    keep_tree(folder);
}

__attribute__((constructor)) static void start(void) { pthread_once(&once, begin); }

static int fail(int error) { errno = error; return -1; }

static struct node *watched(int fd) { return fd >= 0 && fd < MAX_FDS ? by_fd[fd] : NULL; }

static void written(int fd, off_t low, off_t high)
{
    pthread_mutex_lock(&gate);
    if (by_fd[fd]) mark(by_fd[fd], low, high);
    pthread_mutex_unlock(&gate);
}

/* A full disk still takes what replaces bytes that it has. */
static int refuses(int fd, off_t end)
{
    struct stat status;
    if (is_mode('W')) return EIO;
    return is_mode('F') && fstat(fd, &status) == 0 && end > status.st_size ? ENOSPC : 0;
}

/* Inodes are not used again while the file that lost its name is open; its durable bytes may be needed under that number. */
static void hold(const char *path)
{
    if (is_watched(path)) (void)!real_open(path, O_RDONLY | O_CLOEXEC);
}

EXPORT int open(const char *path, int flags, ...)
{
    start();
    mode_t mode = 0;
    if (flags & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }
    if (!is_watched(path)) return real_open(path, flags, mode);
    struct stat status;
    if (is_mode('F') && (flags & O_CREAT) && stat(path, &status) != 0) return fail(ENOSPC);
    int fd = real_open(path, flags, mode);
    if (fd < 0 || fd >= MAX_FDS || fstat(fd, &status) != 0) return fd;
    pthread_mutex_lock(&gate);
    by_fd[fd] = node_of(path, &status);
    if (flags & O_TRUNC) mark(by_fd[fd], 0, 1L << 40);
    pthread_mutex_unlock(&gate);
    return fd;
}

EXPORT int open64(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open(path, flags, mode);
}

EXPORT int close(int fd)
{
    start();
    if (watched(fd)) by_fd[fd] = NULL;
    return real_close(fd);
}

EXPORT ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at)
{
    if (!watched(fd)) return real_pwrite(fd, bytes, count, at);
    int error = refuses(fd, at + (off_t)count);
    if (error) return fail(error);
    ssize_t done = real_pwrite(fd, bytes, count, at);
    if (done > 0) written(fd, at, at + done);
    return done;
}

EXPORT ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t at) { return pwrite(fd, bytes, count, at); }

EXPORT ssize_t write(int fd, const void *bytes, size_t count)
{
    start();
    if (!watched(fd)) return real_write(fd, bytes, count);
    off_t at = lseek(fd, 0, SEEK_CUR);
    int error = refuses(fd, at + (off_t)count);
    if (error) return fail(error);
    ssize_t done = real_write(fd, bytes, count);
    if (done > 0) written(fd, at, at + done);
    return done;
}

EXPORT int ftruncate(int fd, off_t size)
{
    struct stat status;
    if (!watched(fd) || fstat(fd, &status) != 0) return real_ftruncate(fd, size);
    if (is_mode('W')) return fail(EIO);
    int result = real_ftruncate(fd, size);
    if (result == 0) written(fd, size < status.st_size ? size : status.st_size, size > status.st_size ? size : status.st_size);
    return result;
}

EXPORT int ftruncate64(int fd, off_t size) { return ftruncate(fd, size); }

static int sync_node(int fd)
{
    pthread_mutex_lock(&gate);
    struct node *node = by_fd[fd];
    int fails = is_mode('S') || is_mode('W');
    if (fails) node->low = node->high = 0;
    else if (node->is_folder) keep_entries(node);
    else keep_bytes(node, fd);
    pthread_mutex_unlock(&gate);
    return fails ? fail(EIO) : 0;
}

EXPORT int fsync(int fd) { return watched(fd) ? sync_node(fd) : real_fsync(fd); }

EXPORT int fdatasync(int fd) { return watched(fd) ? sync_node(fd) : real_fdatasync(fd); }

EXPORT int rename(const char *from, const char *to)
{
    start();
    hold(to);
    return is_watched(to) && is_mode('W') ? fail(EIO) : real_rename(from, to);
}

EXPORT int unlink(const char *path)
{
    start();
    hold(path);
    return real_unlink(path);
}

EXPORT int mkdir(const char *path, mode_t mode)
{
    struct stat status;
    start();
    return is_watched(path) && is_mode('F') && stat(path, &status) != 0 ? fail(ENOSPC) : real_mkdir(path, mode);
}

/* P/Invoke asks the C library itself for its functions. */
EXPORT void *dlsym(void *handle, const char *name)
{
    static const struct { const char *name; void *function; } ours[] = {
        { "open", (void *)open }, { "close", (void *)close }, { "fsync", (void *)fsync },
    };
    start();
    if (handle != RTLD_NEXT)
        for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) if (strcmp(name, ours[i].name) == 0) return ours[i].function;
    return real_dlsym(handle, name);
}
