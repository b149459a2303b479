/*
 * A disk that forgets what was not synced, and that fails when it is told to. Loaded with LD_PRELOAD; it looks at the files below one folder.
 *
 *   FORGETFUL_FOLDER   the folder, absolute
 *   FORGETFUL_DURABLE  an empty folder: what a power cut leaves. entries/NAME has a folder's durable entries, a line each: inode, f or d, name;
 *                      data/INODE a file's durable bytes. "root" stands for FORGETFUL_FOLDER.
 *   FORGETFUL_CONTROL  a file of one byte: '-' all is well, 'F' the disk is full, 'W' writes fail, 'S' syncs fail and lose what they were for
 *
 * A file's bytes are durable after fsync or fdatasync of it, its name after fsync of its folder; what is there at the start is durable.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_NODES 4096
#define MAX_FDS 65536
#define EXPORT __attribute__((visibility("default")))

/* A file or folder below the folder, by its inode; bytes from low to high differ from the durable ones. */
struct node { ino_t inode; int is_folder; off_t low, high; char path[512]; };

static const char *folder, *durable;
static volatile const char *control = "-";
static struct node nodes[MAX_NODES];
static int node_count;
static struct node *by_fd[MAX_FDS];
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void *(*real_dlsym)(void *, const char *);
static int (*real_open)(const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_write)(int, const void *, size_t), (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_writev)(int, const struct iovec *, int), (*real_pwritev)(int, const struct iovec *, int, off_t);
static int (*real_ftruncate)(int, off_t), (*real_fsync)(int), (*real_fdatasync)(int);
static int (*real_rename)(const char *, const char *), (*real_unlink)(const char *), (*real_mkdir)(const char *, mode_t);

static int is_mode(char mode) { return *control == mode; }

static int is_watched(const char *path)
{
    size_t length = folder ? strlen(folder) : 0, all = strlen(path);
    if (length == 0 || strncmp(path, folder, length) != 0 || (path[length] != '/' && path[length] != 0)) return 0;
    return !(all > 4 && strcmp(path + all - 4, "-shm") == 0);  /* a memory that processes share, and no file of the database */
}

static struct node *node_of(const char *path, const struct stat *status)
{
    for (int i = 0; i < node_count; i++) if (nodes[i].inode == status->st_ino) return &nodes[i];
    if (node_count == MAX_NODES) abort();
    struct node *node = &nodes[node_count++];
    node->inode = status->st_ino;
    node->is_folder = S_ISDIR(status->st_mode);
    snprintf(node->path, sizeof node->path, "%s", path);
    return node;
}

static void mark(struct node *node, off_t low, off_t high)
{
    if (node->high == node->low) { node->low = low; node->high = high; }
    if (low < node->low) node->low = low;
    if (high > node->high) node->high = high;
}

static void durable_name(char *name, size_t size, const char *kind, const struct node *node)
{
    if (node->is_folder && strcmp(node->path, folder) == 0) snprintf(name, size, "%s/%s/root", durable, kind);
    else snprintf(name, size, "%s/%s/%lu", durable, kind, (unsigned long)node->inode);
}

static void keep_bytes(struct node *node, int fd)
{
    char name[600], buffer[65536];
    struct stat status;
    durable_name(name, sizeof name, "data", node);
    int to = real_open(name, O_CREAT | O_WRONLY, 0600);
    fstat(fd, &status);
    off_t end = node->high < status.st_size ? node->high : status.st_size;
    /* The file may be open for writing alone. */
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    int from = real_open(name, O_RDONLY);
    for (off_t at = node->low; at < end;) {
        ssize_t read = pread(from, buffer, (size_t)(end - at) < sizeof buffer ? (size_t)(end - at) : sizeof buffer, at);
        if (read <= 0 || real_pwrite(to, buffer, (size_t)read, at) != read) abort();
        at += read;
    }
    real_ftruncate(to, status.st_size);
    real_close(from);
    real_close(to);
    node->low = node->high = 0;
}

static void keep_entries(struct node *node)
{
    char name[600], draft[620], path[1024];
    durable_name(name, sizeof name, "entries", node);
    snprintf(draft, sizeof draft, "%s.draft", name);
    FILE *list = fopen(draft, "w");
    DIR *entries = opendir(node->path);
    for (struct dirent *entry; (entry = readdir(entries));) {
        struct stat status;
        snprintf(path, sizeof path, "%s/%s", node->path, entry->d_name);
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || !is_watched(path) || lstat(path, &status) != 0) continue;
        fprintf(list, "%lu %c %s\n", (unsigned long)status.st_ino, S_ISDIR(status.st_mode) ? 'd' : 'f', entry->d_name);
    }
    closedir(entries);
    fclose(list);
    real_rename(draft, name);
}

static void keep_tree(const char *path)
{
    struct stat status;
    char inner[1024];
    if (stat(path, &status) != 0) return;
    struct node *node = node_of(path, &status);
    if (!node->is_folder) {
        int fd = real_open(path, O_RDONLY);
        mark(node, 0, status.st_size);
        keep_bytes(node, fd);
        real_close(fd);
        return;
    }
    keep_entries(node);
    DIR *entries = opendir(path);
    for (struct dirent *entry; (entry = readdir(entries));) {
        snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && is_watched(inner)) keep_tree(inner);
    }
    closedir(entries);
}

static void begin(void)
{
    static const char *const versions[] = { "GLIBC_2.34", "GLIBC_2.17", "GLIBC_2.2.5" };
    for (size_t i = 0; i < 3 && !real_dlsym; i++) *(void **)&real_dlsym = dlvsym(RTLD_NEXT, "dlsym", versions[i]);
#define REAL(name) *(void **)&real_##name = real_dlsym(RTLD_NEXT, #name)
    REAL(open); REAL(close); REAL(write); REAL(pwrite); REAL(writev); REAL(pwritev); REAL(ftruncate); REAL(fsync); REAL(fdatasync);
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

static size_t length(const struct iovec *parts, int count)
{
    size_t sum = 0;
    for (int i = 0; i < count; i++) sum += parts[i].iov_len;
    return sum;
}

EXPORT ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    if (!watched(fd)) return real_pwritev(fd, parts, count, at);
    int error = refuses(fd, at + (off_t)length(parts, count));
    if (error) return fail(error);
    ssize_t done = real_pwritev(fd, parts, count, at);
    if (done > 0) written(fd, at, at + done);
    return done;
}

EXPORT ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t at) { return pwritev(fd, parts, count, at); }

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
