/*
 * hosts.h - what a server goes by for clients that call it by certain names: names to settled settings.
 *
 * Filled by its maker, then shared by count and read only. Names are in lower case; "*.example" stands for one label in
 * front of .example, and a name itself beats it.
 */
#ifndef DOR_SSL_HOSTS_H
#define DOR_SSL_HOSTS_H

#include "base/result.h"
#include "base/span.h"

typedef struct dor_settings dor_settings;
typedef struct dor_hosts dor_hosts;

enum { DOR_HOST_NAME_MAX = 253, DOR_HOSTS_MAX = 100000 };

DOR_MUST_USE dor_result dor__hosts_new(dor_hosts **hosts);
dor_hosts *dor__hosts_ref(dor_hosts *hosts);
void dor__hosts_unref(dor_hosts *hosts);

/** A copy with one more, or with other settings for the name. BADARG for what is no name, LIMIT. */
DOR_MUST_USE dor_result dor__hosts_with(const dor_hosts *from, const char *name, dor_settings *settings,
                                        dor_hosts **hosts);

/** The plain form of a name that a host may have, "*." in front allowed. False when it is none. */
bool dor__host_pattern(const char *name, char plain[DOR_HOST_NAME_MAX + 1]);

/**
 * The same hosts with certificates, keys and authorities read again from their files, once for a host that has several
 * names. Where nothing has changed the settings stay as they are, and *fresh is `hosts` itself when that is so everywhere. A
 * reference. why names the host. Blocks; any thread.
 */
DOR_MUST_USE dor_result dor__hosts_reload(dor_hosts *hosts, dor_hosts **fresh, char *why, size_t why_cap);

/** Lower case, without a final dot. False when it does not fit. */
bool dor__host_name_plain(dor_span name, char plain[DOR_HOST_NAME_MAX + 1]);

/** The settings for a plain name, borrowed; NULL: none. */
dor_settings *dor__hosts_find(const dor_hosts *hosts, const char *plain);

#endif
