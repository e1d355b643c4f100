/*
 * dormouse.h - all of Dormouse's public interface.
 *
 * Conventions that hold everywhere:
 *   - a call that can fail returns DOR_OK (0) or a negative code (dormouse/error.h); out-parameters are only written on
 *     success;
 *   - NULL for a required pointer is DOR_E_BADARG, never a crash;
 *   - what a call gives out with a count (dor_buffer, dor_ssl_session) is released by the caller;
 *   - no call changes signal handlers, the locale or standard streams.
 */
#ifndef DORMOUSE_H
#define DORMOUSE_H

#include <dormouse/actor.h>
#include <dormouse/buffer.h>
#include <dormouse/certificates.h>
#include <dormouse/error.h>
#include <dormouse/http.h>
#include <dormouse/information.h>
#include <dormouse/handshake.h>
#include <dormouse/inet.h>
#include <dormouse/listener.h>
#include <dormouse/observe.h>
#include <dormouse/options.h>
#include <dormouse/port.h>
#include <dormouse/proxy.h>
#include <dormouse/psk.h>
#include <dormouse/session.h>
#include <dormouse/signer.h>
#include <dormouse/simulate.h>
#include <dormouse/ssl.h>
#include <dormouse/suites.h>
#include <dormouse/supervisor.h>
#include <dormouse/transport.h>
#include <dormouse/version.h>

#endif
