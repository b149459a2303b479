/*
 * What a power cut leaves of the files below a folder: entries/NAME has a folder's durable entries, a line each: inode, f or d, name;
 * data/INODE a file's durable bytes. "root" stands for the folder itself.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_NODES 4096

/* A file or folder below the folder, by its inode; bytes from low to high differ from the durable ones. */
struct node { ino_t inode; int is_folder; off_t low, high; char path[512]; };

static const char *folder, *durable;
static struct node nodes[MAX_NODES];
static int node_count;

/* The C library's own. */
static int (*real_open)(const char *, int, ...), (*real_close)(int), (*real_ftruncate)(int, off_t);
static int (*real_rename)(const char *, const char *);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);

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
