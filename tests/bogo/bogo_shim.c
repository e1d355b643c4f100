/*
 * bogo_shim.c - the program that BoringSSL's black-box runner starts for each of its cases (docs/conformance.md).
 *
 * One process makes -resume-count + 1 connections, one after the other; what was learnt in one may be resumed in the next.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "bogo/shim.h"

enum { LONGEST_RUN_S = 120 };

static int64_t now_ms(void *ctx)
{
    static struct timespec
        now; /* the moment of the first question: only -resumption-delay turns this clock on */
    if (!now.tv_sec) clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + ((bogo_world *)ctx)->ahead_ms;
}

static int connect_once(bogo_world *world, const bogo_flags sets[BOGO_SETS], bool resumption)
{
    const bogo_flags *flags = &sets[resumption ? BOGO_RESUME : BOGO_INITIAL];
    static bogo_connection c;
    c = (bogo_connection){.world = world,
                          .flags = flags,
                          .retry = &sets[BOGO_RETRY],
                          .resumption = resumption,
                          .fd = -1,
                          .selected = -1};
    if (resumption && !flags->server && !world->session) {
        fprintf(stderr, "no session to offer\n");
        return BOGO_FAILED;
    }
    int r = bogo_config_make(world, flags, &c.config);
    if (r != BOGO_PASSED) return r;
    c.config->verify_ctx = &c;
    c.offered = world->session;
    world->session = NULL;
    r = bogo_connection_run(&c);
    world->session = c.new_session;
    dor__session_unref(c.offered);
    dor__tls_config_unref(c.config);
    world->ahead_ms += flags->resumption_delay * 1000;
    return r;
}

static void world_fini(bogo_world *world)
{
    for (size_t i = 0; i < world->session_count; i++)
        dor__session_unref(world->sessions[i]);
    dor__session_unref(world->session);
    dor__rng_free(world->env.rng);
}

int main(int argc, char **argv)
{
    static bogo_flags sets[BOGO_SETS];
    bogo_world world = {.env = {.now_ms = now_ms, .ctx = &world}};
    int r = bogo_flags_parse(argc - 1, argv + 1, sets);
    const bogo_flags *first = &sets[BOGO_INITIAL];
    if (r != BOGO_PASSED) return r;
    if (first->is_handshaker_supported) {
        puts("No");
        return BOGO_PASSED;
    }
    signal(SIGPIPE, SIG_IGN);
    alarm(LONGEST_RUN_S);
    if (dor__failed(dor__rng_new_system(&world.env.rng)) ||
        dor__failed(dor__ticket_key_make(&world.ticket_key, world.env.rng)))
        return BOGO_FAILED;
    for (long long i = 0; i <= first->resume_count && r == BOGO_PASSED; i++)
        r = connect_once(&world, sets, i > 0);
    world_fini(&world);
    return r;
}
