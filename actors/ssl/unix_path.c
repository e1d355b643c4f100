/* unix_path.c - Unix-domain sockets by path; see unix_path.h, and unix(7). */
#include "ssl/unix_path.h"
#include "ssl/tcp.h"
#include <errno.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char prefix[] = "unix:";

bool dor__is_unix(const char *text)
{
    return strncmp(text, prefix, sizeof prefix - 1) == 0;
}

socklen_t dor__unix_address(const char *text, struct sockaddr_storage *address)
{
    struct sockaddr_un *local = (struct sockaddr_un *)address;
    const char *path = text + sizeof prefix - 1;
    size_t len = dor__is_unix(text) ? strlen(path) : 0;
    if (len == 0 || len >= sizeof local->sun_path) return 0;
    *address = (struct sockaddr_storage){.ss_family = AF_UNIX};
    memcpy(local->sun_path, path, len);
    if (path[0] != '@') return (socklen_t)sizeof *local;
#ifdef __linux__
    if (len == 1) return 0;    /* that would be a name of the system's choice */
    local->sun_path[0] = '\0'; /* the length ends the name */
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
#else
    return 0;
#endif
}

static dor_unix_file identity(const struct stat *found)
{
    return (dor_unix_file){true, (uint64_t)found->st_dev, (uint64_t)found->st_ino};
}

void dor__unix_remove(const char *path, dor_unix_file *file)
{
    struct stat now;
    if (!file->made) return;
    file->made = false;
    if (lstat(path, &now) < 0 || !S_ISSOCK(now.st_mode)) return;
    dor_unix_file there = identity(&now);
    if (there.device == file->device && there.inode == file->inode) (void)unlink(path);
}

/* Left by a listener that is gone: it is a socket, and nobody listens. Removes that one. */
static bool remove_abandoned(const struct sockaddr_un *local, socklen_t len)
{
    struct stat found;
    if (!local->sun_path[0] || lstat(local->sun_path, &found) < 0 || !S_ISSOCK(found.st_mode)) return false;
    dor_unix_file left = identity(&found);
    int fd = dor__stream_socket(AF_UNIX);
    if (fd < 0) return false;
    bool refused = connect(fd, (const struct sockaddr *)local, len) < 0 && errno == ECONNREFUSED;
    (void)close(fd);
    if (refused) dor__unix_remove(local->sun_path, &left);
    return refused;
}

/* The mode that was asked for, whatever the umask, and a note of which file it is. */
static dor_result finish_file(const char *path, mode_t mode, dor_unix_file *file)
{
    struct stat now;
    if (lstat(path, &now) < 0) return dor__errno(errno);
    if (!S_ISSOCK(now.st_mode)) return dor__errno(EADDRINUSE); /* replaced already: not ours to touch */
    *file = identity(&now);
    if ((now.st_mode & 0777) != mode && chmod(path, mode) < 0) return dor__errno(errno);
    return DOR_SUCCESS;
}

dor_result dor__unix_bind(const dor_settings *settings, int *out, dor_unix_file *file)
{
    struct sockaddr_storage address;
    const struct sockaddr_un *local = (const struct sockaddr_un *)&address;
    socklen_t len = dor__unix_address(settings->ip, &address);
    *file = (dor_unix_file){0};
    if (len == 0) return dor__error(DOR_E_BADARG);
    int fd = dor__stream_socket(AF_UNIX);
    if (fd < 0) return dor__errno(errno);
    dor_result r = dor__tcp_adopt(fd, settings);
    /* Linux makes the file with the socket's own mode (less the umask), so that it is never wider than wanted. */
    (void)fchmod(fd, settings->unix_mode);
    if (dor__ok(r) && bind(fd, (struct sockaddr *)&address, len) < 0) {
        r = dor__errno(errno);
        if (errno == EADDRINUSE && remove_abandoned(local, len))
            r = bind(fd, (struct sockaddr *)&address, len) < 0 ? dor__errno(errno) : DOR_SUCCESS;
    }
    if (dor__ok(r) && local->sun_path[0]) {
        r = finish_file(local->sun_path, settings->unix_mode, file);
        if (dor__failed(r)) dor__unix_remove(local->sun_path, file);
    }
    if (dor__failed(r))
        (void)close(fd);
    else
        *out = fd;
    return r;
}
