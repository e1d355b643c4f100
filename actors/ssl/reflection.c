/* reflection.c - see reflection.h. Threads: any; the secret is made once, under a lock, and not changed again. */
#include "ssl/reflection.h"

#include <uv.h>

static uv_once_t once = UV_ONCE_INIT;
static uv_mutex_t lock;
static bool have_lock, made;
static uint8_t secret[sizeof((dor_tls_config *)0)->reflection_secret];

static void make_lock(void)
{
    have_lock = uv_mutex_init(&lock) == 0;
}

static dor_result make(void)
{
    dor_rng *rng;
    DOR_TRY(dor__rng_new_system(&rng));
    dor_result r = dor__rng_fill(rng, secret, sizeof secret);
    dor__rng_free(rng);
    made = dor__ok(r);
    return r;
}

dor_result dor__reflection_secret(dor_tls_config *config)
{
    uv_once(&once, make_lock);
    if (!have_lock) return dor__error(DOR_E_NOMEM);
    uv_mutex_lock(&lock);
    dor_result r = made ? DOR_SUCCESS : make();
    if (dor__ok(r)) memcpy(config->reflection_secret, secret, sizeof secret);
    uv_mutex_unlock(&lock);
    config->has_reflection_secret = dor__ok(r);
    return r;
}
