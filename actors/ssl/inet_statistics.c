/*
 * inet_statistics.c - the kernel's TCP_INFO in the words of dormouse/inet.h.
 *
 * A file of its own, since the struct that has the counters is the kernel's (linux/tcp.h), and libc's header of the same
 * purpose (netinet/tcp.h, which tcp.c needs) has an older one by the same name.
 */
#include "ssl/inet_statistics.h"

#ifdef __linux__

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* An older kernel writes less of it. */
#define REACHES(len, field)                                                                                  \
    ((len) >= offsetof(struct tcp_info, field) + sizeof(((struct tcp_info *)0)->field))

dor_result dor__inet_statistics(int fd, dor_socket_statistics *statistics)
{
    struct tcp_info info;
    socklen_t len = sizeof info;
    int unacked = 0;
    memset(&info, 0, sizeof info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
        return errno == ENOPROTOOPT || errno == EOPNOTSUPP ? dor__error(DOR_E_NOT_SUPPORTED)
                                                           : dor__errno(errno);
    if (!REACHES(len, tcpi_bytes_retrans)) return dor__error(DOR_E_NOT_SUPPORTED);
    if (ioctl(fd, SIOCOUTQ, &unacked) < 0) return dor__errno(errno);
    /* bytes_sent counts repetitions; what the kernel holds and has not sent once it does not count. */
    uint64_t sent = info.tcpi_bytes_sent;
    *statistics = (dor_socket_statistics){
        .recv_oct = info.tcpi_bytes_received,
        .recv_cnt = info.tcpi_data_segs_in,
        .recv_avg = info.tcpi_data_segs_in ? info.tcpi_bytes_received / info.tcpi_data_segs_in : 0,
        .send_oct = sent - info.tcpi_bytes_retrans + info.tcpi_notsent_bytes,
        .send_cnt = info.tcpi_data_segs_out,
        .send_avg = info.tcpi_data_segs_out ? sent / info.tcpi_data_segs_out : 0,
        .send_unacked = unacked > 0 ? (uint64_t)unacked : 0,
        .retransmitted = info.tcpi_bytes_retrans,
        .rtt_us = info.tcpi_rtt,
        .rtt_var_us = info.tcpi_rttvar,
        .congestion_window = info.tcpi_snd_cwnd,
        .mss = info.tcpi_snd_mss,
    };
    return DOR_SUCCESS;
}

#else

dor_result dor__inet_statistics(int fd, dor_socket_statistics *statistics)
{
    (void)fd, (void)statistics;
    return dor__error(DOR_E_NOT_SUPPORTED);
}

#endif
