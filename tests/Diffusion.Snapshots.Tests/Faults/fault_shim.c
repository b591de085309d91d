/*
 * Preloaded into a process that saves files: counts its writes, flushes, renames and removals below $FAULT_DIR, logs them to $FAULT_LOG,
 * and at the $FAULT_AT-th one does what $FAULT_MODE says:
 *   kill  die before it         torn  do half of it (a write) or all of it (anything else), then die
 *   eio   fail it with EIO      enospc  fail it with ENOSPC
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_int count;

static int below(const char *path)
{
    const char *directory = getenv("FAULT_DIR");
    return directory && path && strncmp(path, directory, strlen(directory)) == 0;
}

static const char *name_of(int fd, char *buffer)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, buffer, PATH_MAX - 1);
    buffer[length > 0 ? length : 0] = 0;
    return buffer;
}

static void die(void)
{
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;)
        pause();
}

/* 0: go on. 1: fail, errno is set. 2: do it, then die. */
static int step(const char *operation, const char *path)
{
    if (!below(path))
        return 0;
    int number = atomic_fetch_add(&count, 1) + 1;
    const char *log = getenv("FAULT_LOG");
    if (log) {
        char line[PATH_MAX + 64];
        int length = snprintf(line, sizeof line, "%s %s\n", operation, path + strlen(getenv("FAULT_DIR")));
        int fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        syscall(SYS_write, fd, line, length);
        syscall(SYS_close, fd);
    }
    const char *at = getenv("FAULT_AT");
    const char *mode = getenv("FAULT_MODE");
    if (!at || !mode || number != atoi(at))
        return 0;
    if (strcmp(mode, "kill") == 0)
        die();
    if (strcmp(mode, "torn") == 0)
        return 2;
    errno = strcmp(mode, "enospc") == 0 ? ENOSPC : EIO;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define WRITE(name, parameters, arguments, half)              \
    ssize_t name parameters                                   \
    {                                                         \
        char path[PATH_MAX];                                  \
        int what = step("write", name_of(fd, path));          \
        if (what == 1)                                        \
            return -1;                                        \
        if (what == 2) {                                      \
            REAL(name) half;                                  \
            die();                                            \
        }                                                     \
        return REAL(name) arguments;                          \
    }

#define OTHER(name, label, parameters, arguments, subject)    \
    int name parameters                                       \
    {                                                         \
        char path[PATH_MAX];                                  \
        (void)path;                                           \
        int what = step(label, subject);                      \
        if (what == 1)                                        \
            return -1;                                        \
        int result = REAL(name) arguments;                    \
        if (what == 2)                                        \
            die();                                            \
        return result;                                        \
    }

WRITE(write, (int fd, const void *data, size_t size), (fd, data, size), (fd, data, size / 2))
WRITE(pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at), (fd, data, size / 2, at))
WRITE(pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at), (fd, data, size / 2, at))
OTHER(fsync, "fsync", (int fd), (fd), name_of(fd, path))
OTHER(fdatasync, "fsync", (int fd), (fd), name_of(fd, path))
OTHER(ftruncate, "truncate", (int fd, off_t length), (fd, length), name_of(fd, path))
OTHER(ftruncate64, "truncate", (int fd, off64_t length), (fd, length), name_of(fd, path))
OTHER(rename, "rename", (const char *from, const char *to), (from, to), from)
OTHER(unlink, "unlink", (const char *name), (name), name)
OTHER(rmdir, "rmdir", (const char *name), (name), name)
OTHER(mkdir, "mkdir", (const char *name, mode_t mode), (name, mode), name)
