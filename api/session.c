/*
 * session.c - a client's session as programs see it: a dor_session by its public name. The count is atomic, so any thread.
 */
#include "ssl/settings.h"

dor_ssl_session *dor_ssl_session_ref(dor_ssl_session *session)
{
    return session ? (dor_ssl_session *)dor__session_ref((dor_session *)session) : NULL;
}

void dor_ssl_session_unref(dor_ssl_session *session)
{
    dor__session_unref((dor_session *)session);
}
