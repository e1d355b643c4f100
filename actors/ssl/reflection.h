/* reflection.h - a secret of this process, by which its servers know its own clients' hellos (external_psk_13.c). */
#ifndef DOR_SSL_REFLECTION_H
#define DOR_SSL_REFLECTION_H

#include "tls/config.h"

/** Gives config the process's secret, made when it is first asked for. Any thread. */
DOR_MUST_USE dor_result dor__reflection_secret(dor_tls_config *config);

#endif
