/*
 * unix_path.h - Unix-domain sockets by their addresses, "unix:PATH" and "unix:@NAME": binding, and the file that a
 * listener has there. Once bound or connected they are carried like TCP (tcp.h).
 *
 * Threads: any.
 */
#ifndef DOR_SSL_UNIX_PATH_H
#define DOR_SSL_UNIX_PATH_H

#include "ssl/settings.h"
#include <sys/socket.h>

/** The file that a listener has made, to be known again: another program may have put its own in its place. */
typedef struct dor_unix_file {
    bool made;
    uint64_t device, inode;
} dor_unix_file;

bool dor__is_unix(const char *text);

/**
 * The address that "unix:PATH", or "unix:@NAME" for an abstract name (Linux), stands for; its length is returned. 0: it
 * is none, or too long, or an abstract name where there are none.
 */
socklen_t dor__unix_address(const char *text, struct sockaddr_storage *address);

/**
 * A socket that is bound to settings->ip and does not listen yet; so nobody can connect before the file has its mode,
 * settings->unix_mode. The file of a listener that is gone is removed before: it is a socket, and nobody listens there.
 * Whatever else is at the path is EADDRINUSE. *file says what was made, for dor__unix_remove.
 */
DOR_MUST_USE dor_result dor__unix_bind(const dor_settings *settings, int *fd, dor_unix_file *file);

/** Removes the file at `path` if it is still the one that was made; once. */
void dor__unix_remove(const char *path, dor_unix_file *file);

#endif
