/* inet_statistics.h - what the kernel's TCP has counted of a connection. A descriptor's own thread. */
#ifndef DOR_SSL_INET_STATISTICS_H
#define DOR_SSL_INET_STATISTICS_H

#include "base/result.h"
#include <dormouse/inet.h>

/** Fills all but send_queued and send_pend. NOT_SUPPORTED: it is no TCP socket, or this system's TCP does not count. */
DOR_MUST_USE dor_result dor__inet_statistics(int fd, dor_socket_statistics *statistics);

#endif
