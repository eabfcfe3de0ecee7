/* Kills this process at its n-th call that changes anything outside it, or lets that call fail.
 *
 * Preloaded into the process under test, steered through a page of memory that both sides have mapped (FAULTS_PAGE), so
 * that a fault can be armed while the process runs. Counted: calls that write to a file or the network, make it durable,
 * or change a folder. A call that is only read from makes nothing durable and tells nobody anything.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OFF, KILL_BEFORE, KILL_AFTER, FAIL };

struct page {
    int64_t pid;      /* whose calls count */
    int64_t calls;    /* so many since it was armed */
    int64_t at;       /* the one that is hit */
    int64_t fault;    /* which of the above */
    int64_t error;    /* errno of a failure */
    int64_t span;     /* so many calls fail, one after the other */
    int64_t hit;      /* so many were hit */
    int64_t clock;    /* seconds that the process's clock is off; read elsewhere */
    char name[32];    /* the call that was hit */
};

static struct page *page;

__attribute__((constructor)) static void find_page(void)
{
    const char *path = getenv("FAULTS_PAGE");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *found = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (found != MAP_FAILED) page = found;
}

enum { NOWHERE, DISK, NETWORK };

/* Pipes and the sockets between our own processes lead nowhere: what goes through them dies with us. */
static int leads_to(int fd)
{
    struct stat about;
    int domain = 0;
    socklen_t size = sizeof domain;
    if (fd < 0) return DISK;
    if (fstat(fd, &about) != 0) return NOWHERE;
    if (S_ISREG(about.st_mode) || S_ISDIR(about.st_mode)) return DISK;
    if (!S_ISSOCK(about.st_mode) || getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0) return NOWHERE;
    return domain == AF_INET || domain == AF_INET6 ? NETWORK : NOWHERE;
}

/* What to do about a call. fd is -1 for one that names a path. */
static int fate(const char *name, int fd)
{
    if (!page || page->fault == OFF || page->pid != getpid()) return OFF;
    int where = leads_to(fd);
    if (where == NOWHERE || (page->fault == FAIL && where != DISK)) return OFF;
    int64_t call = __sync_add_and_fetch(&page->calls, 1);
    if (call < page->at || call >= page->at + (page->fault == FAIL ? page->span : 1)) return OFF;
    __sync_add_and_fetch(&page->hit, 1);
    strncpy(page->name, name, sizeof page->name - 1);
    if (page->fault == KILL_BEFORE) kill(getpid(), SIGKILL);
    if (page->fault == FAIL) errno = (int)page->error;
    return (int)page->fault;
}

#define WATCHED(type, name, fd, parameters, arguments)                      \
    type name parameters                                                    \
    {                                                                       \
        static type (*real) parameters;                                     \
        if (!real) real = (type (*) parameters)dlsym(RTLD_NEXT, #name);     \
        int then = fate(#name, fd);                                         \
        if (then == FAIL) return -1;                                        \
        type result = real arguments;                                       \
        if (then == KILL_AFTER) kill(getpid(), SIGKILL);                    \
        return result;                                                      \
    }

WATCHED(ssize_t, write, fd, (int fd, const void *from, size_t size), (fd, from, size))
WATCHED(ssize_t, writev, fd, (int fd, const struct iovec *from, int count), (fd, from, count))
WATCHED(ssize_t, pwrite, fd, (int fd, const void *from, size_t size, off_t at), (fd, from, size, at))
WATCHED(ssize_t, pwrite64, fd, (int fd, const void *from, size_t size, off64_t at), (fd, from, size, at))
WATCHED(ssize_t, send, fd, (int fd, const void *from, size_t size, int flags), (fd, from, size, flags))
WATCHED(ssize_t, sendmsg, fd, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
WATCHED(ssize_t, sendto, fd,
        (int fd, const void *from, size_t size, int flags, const struct sockaddr *to, socklen_t length),
        (fd, from, size, flags, to, length))
WATCHED(int, fsync, fd, (int fd), (fd))
WATCHED(int, fdatasync, fd, (int fd), (fd))
WATCHED(int, ftruncate, fd, (int fd, off_t size), (fd, size))
WATCHED(int, ftruncate64, fd, (int fd, off64_t size), (fd, size))
WATCHED(int, rename, -1, (const char *from, const char *to), (from, to))
WATCHED(int, unlink, -1, (const char *path), (path))
