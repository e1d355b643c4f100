/*
 * port_record.h - the descriptors of ports, which live until dor_port_close, and so may outlive the port and its runtime: an
 * event loop that still watches a number must not find somebody else's file behind it.
 *
 * What outlives its port is kept by pid in a registry of the OS process, together with the reason.
 *
 * Threads: any; the registry has a lock. A record that is not in the registry belongs to its port.
 */
#ifndef DOR_RUNTIME_PORT_RECORD_H
#define DOR_RUNTIME_PORT_RECORD_H

#include "runtime/wake_fd.h"
#include <dormouse/actor.h>

typedef struct dor_port_record {
    struct dor_port_record *next;
    dor_pid pid;
    dor_wake_fd wake;
    int code; /* what the port's calls answer; DOR_OK: it is not in the registry */
} dor_port_record;

DOR_MUST_USE dor_result dor__port_record_new(dor_port_record **record);

/** Closes and frees one that is in the registry or not. */
void dor__port_record_free(dor_port_record *record);

/** Puts it into the registry, with what the calls of port `pid` answer from now on. Once is enough: no effect later. */
void dor__port_record_orphan(dor_port_record *record, dor_pid pid, int code);

/** What a port that cannot be found answers: why it ended, or NOPROC when it was closed or never was. */
int dor__port_record_code(dor_pid pid);

/** The descriptor that pid has left, or -1. */
int dor__port_record_fd(dor_pid pid);

/** Frees what pid has left; false when that is nothing. */
bool dor__port_record_discard(dor_pid pid);

#endif
