/*
 * The tables of messages: every script is well formed, and those that cannot be told apart yet do not differ yet.
 */
#include "support/proto_test.h"

#include "tls/handshake.h"
#include "tls/message/messages.h"

static size_t length(const dor_action *const *actions)
{
    size_t n = 0;
    while (actions[n])
        n++;
    return n;
}

static void well_formed(const dor_script *s, size_t max_len)
{
    size_t n = length(s->actions), completes = 0;
    cr_assert(n > 4 && n < max_len);
    cr_assert_eq(s->actions[0], &dor__msg_client_hello);
    for (size_t i = 0; i < n; i++) {
        const dor_action *a = s->actions[i];
        cr_assert_not_null(a->name);
        cr_assert_not_null(a->send);
        cr_assert(a->kind == DOR_ACTION_STEP || a->writer != DOR_BY_BOTH, "%s has two writers", a->name);
        cr_assert(a->kind == DOR_ACTION_STEP || a->receive || a == &dor__msg_hello_retry_request, "%s",
                  a->name);
        cr_assert(a->max_len == 0 || a->min_len <= a->max_len, "%s", a->name);
        completes += a == &dor__step_complete;
    }
    cr_assert_eq(completes, 1u);
}

static bool reads_finished(const dor_action *a)
{
    return a->kind == DOR_ACTION_MESSAGE && a->type == DOR_HS_FINISHED;
}

/* Two Finished, one by each side, both in front of the completion. */
static void both_finish(const dor_script *s)
{
    unsigned seen = 0;
    for (size_t i = 0; s->actions[i]; i++) {
        if (reads_finished(s->actions[i])) seen |= 1u << s->actions[i]->writer;
        if (s->actions[i] == &dor__step_complete) cr_assert_eq(seen, 3u);
    }
}

/*
 * Where two scripts part, the next thing is something that the peer says, or that the one who speaks decides; so what was
 * done until then was the same in both, and a change from one to the other at that point is harmless.
 */
static void parting(const dor_script *a, const dor_script *b)
{
    size_t i = 0;
    while (a->actions[i] && a->actions[i] == b->actions[i])
        i++;
    cr_assert(i > 0 && a->actions[i] && b->actions[i], "one script is the beginning of another");
    cr_assert(a->actions[i]->kind != DOR_ACTION_STEP || b->actions[i]->kind != DOR_ACTION_STEP,
              "%s or %s: nobody could say which", a->actions[i]->name, b->actions[i]->name);
}

static void table(const dor_script *scripts)
{
    for (const dor_script *s = scripts; s->actions; s++) {
        well_formed(s, 32);
        both_finish(s);
        for (const dor_script *other = s + 1; other->actions; other++) {
            cr_assert_neq(s->properties, other->properties);
            parting(s, other);
        }
    }
}

Test(scripts, tls13)
{
    table(dor__scripts_13);
}

Test(scripts, tls12)
{
    table(dor__scripts_12);
}

Test(scripts, post_handshake_messages)
{
    const dor_action *const *const tables[] = {dor__post_actions_13, dor__post_actions_12};
    for (size_t t = 0; t < 2; t++)
        for (size_t i = 0; tables[t][i]; i++) {
            cr_assert_eq(tables[t][i]->kind, DOR_ACTION_MESSAGE);
            cr_assert_not_null(tables[t][i]->receive);
        }
}

Test(scripts, extensions)
{
    cr_assert(dor__extension_count <= DOR_EXT_MAX);
    for (size_t i = 0; i < dor__extension_count; i++) {
        const dor_extension *e = dor__extensions[i];
        cr_assert_not_null(e->name);
        cr_assert_neq(e->contexts, 0);
        cr_assert_eq(dor__ext_bit(e->type), (uint32_t)1 << i, "%s is there twice", e->name);
    }
    cr_assert_eq(dor__ext_bit(0x7a7a), 0u);
}
