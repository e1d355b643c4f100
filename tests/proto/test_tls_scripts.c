/*
 * The tables of messages: every script is well formed, and those that cannot be told apart yet do not differ yet.
 */
#include "support/proto_test.h"

#include "tls/handshake.h"
#include "tls/message/messages.h"

enum { MAX_LINES = 64, MAX_HANDSHAKES = 256 };

/* One legal handshake, as the actions that are taken. */
typedef struct handshake {
    unsigned properties;
    const dor_action *actions[MAX_LINES];
    size_t count;
} handshake;

static void expand(const dor_script *script, unsigned properties, handshake *h)
{
    *h = (handshake){.properties = properties};
    for (const dor_script_line *line = script->lines;
         (line = dor__script_line(script, properties, (size_t)(line - script->lines)))->action; line++) {
        cr_assert_lt(h->count, (size_t)MAX_LINES);
        h->actions[h->count++] = line->action;
    }
}

static size_t expand_all(const dor_script *script, handshake all[MAX_HANDSHAKES])
{
    size_t count = 0;
    for (unsigned properties = 0; properties <= script->properties; properties++) {
        if (!dor__script_allows(script, properties)) continue;
        cr_assert_lt(count, (size_t)MAX_HANDSHAKES);
        expand(script, properties, &all[count++]);
    }
    return count;
}

static void well_formed(const handshake *h)
{
    size_t completes = 0;
    cr_assert_gt(h->count, 4u);
    cr_assert_eq(h->actions[0], &dor__msg_client_hello);
    for (size_t i = 0; i < h->count; i++) {
        const dor_action *a = h->actions[i];
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
static void both_finish(const handshake *h)
{
    unsigned seen = 0;
    for (size_t i = 0; i < h->count; i++) {
        if (reads_finished(h->actions[i])) {
            cr_assert_eq(seen & 1u << h->actions[i]->writer, 0u);
            seen |= 1u << h->actions[i]->writer;
        }
        if (h->actions[i] == &dor__step_complete) cr_assert_eq(seen, 3u);
    }
}

/*
 * Where two handshakes part, the next thing is something that the peer says, or that the one who speaks decides; so what was
 * done until then was the same in both, and a change from one to the other at that point is harmless.
 */
static void parting(const handshake *a, const handshake *b)
{
    size_t i = 0;
    while (i < a->count && i < b->count && a->actions[i] == b->actions[i])
        i++;
    cr_assert(i > 0 && i < a->count && i < b->count, "%#x is the beginning of %#x", a->properties,
              b->properties);
    cr_assert(a->actions[i]->kind != DOR_ACTION_STEP || b->actions[i]->kind != DOR_ACTION_STEP,
              "%s or %s: nobody could say which", a->actions[i]->name, b->actions[i]->name);
}

static void check(const dor_script *script)
{
    static handshake all[MAX_HANDSHAKES];
    size_t count = expand_all(script, all);
    for (size_t i = 0; i < count; i++) {
        well_formed(&all[i]);
        both_finish(&all[i]);
        for (size_t k = i + 1; k < count; k++)
            parting(&all[i], &all[k]);
    }
    for (const dor_script_line *line = script->lines; line->action;
         line++) { /* and no line is there for nothing */
        bool taken = false;
        for (size_t i = 0; i < count; i++)
            taken |= dor__script_line(script, all[i].properties, (size_t)(line - script->lines)) == line;
        cr_assert(taken, "%s", line->action->name);
    }
}

Test(scripts, tls13)
{
    handshake full, mutual;
    check(&dor__script_13);
    expand(&dor__script_13, 0, &full);
    expand(&dor__script_13, DOR_PROPERTY_CLIENT_AUTH | DOR_PROPERTY_CLIENT_CERT, &mutual);
    cr_assert_eq(mutual.count, full.count + 3); /* CertificateRequest, Certificate, CertificateVerify */
    cr_assert_not(dor__script_allows(&dor__script_13, DOR_PROPERTY_TICKET_12));
}

Test(scripts, tls12)
{
    check(&dor__script_12);
    cr_assert_not(dor__script_allows(&dor__script_12, DOR_PROPERTY_RETRY));
    cr_assert_not(dor__script_allows(&dor__script_12, DOR_PROPERTY_CLIENT_CERT));
    cr_assert_not(dor__script_allows(&dor__script_12, DOR_PROPERTY_RESUMED | DOR_PROPERTY_CLIENT_AUTH));
}

/* Keys change only behind the step (or the session) that has a secret, and the writer's Finished follows at once. */
Test(scripts, tls12_keys_come_after_the_secret)
{
    static handshake all[MAX_HANDSHAKES];
    size_t count = expand_all(&dor__script_12, all);
    for (size_t k = 0; k < count; k++) {
        const handshake *h = &all[k];
        bool secret = h->properties & DOR_PROPERTY_RESUMED;
        size_t ccs = 0;
        for (size_t i = 0; i < h->count; i++) {
            const dor_action *a = h->actions[i];
            if (a->kind == DOR_ACTION_STEP && strcmp(a->name, "master secret") == 0) secret = true;
            if (a->kind != DOR_ACTION_CCS) continue;
            cr_assert(secret);
            ccs++;
            cr_assert(i + 1 < h->count && reads_finished(h->actions[i + 1]));
            cr_assert_eq(h->actions[i + 1]->writer, a->writer);
        }
        cr_assert_eq(ccs, 2u);
        cr_assert_eq(h->actions[h->count - 1], &dor__step_complete);
    }
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
