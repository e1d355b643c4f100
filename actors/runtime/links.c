/*
 * links.c - see links.h: the halves of links, without regard to whose they are.
 *
 * The end of one with very many links costs no more at once than that of others: its list is not walked, but told of one
 * half at a time, each of which hands the reason on to the next (LINK_OVER). Meanwhile the halves stay in the table under
 * a pid that nobody looks for any more.
 */
#include "runtime/links.h"

#include "runtime/private.h"

/* ---- lists ---- */

static void insert(const dor_linker *w, dor_message *half)
{
    dor_message *next = *w->list;
    half->type = DOR_MSG_LINK;
    half->next_ = next;
    dor__half_of(half)->previous = NULL;
    if (next) dor__half_of(next)->previous = half;
    *w->list = half;
    dor__link_table_add(w->table, half);
}

static void take_out(const dor_linker *w, dor_message *half)
{
    dor_message *next = (dor_message *)half->next_, *previous = dor__half_of(half)->previous;
    if (previous)
        previous->next_ = next;
    else
        *w->list = next;
    if (next) dor__half_of(next)->previous = previous;
    half->next_ = NULL;
    dor__link_table_remove(w->table, half);
}

static dor_message *find(const dor_linker *w, dor_pid other)
{
    /* Most have no links; their owner's table may be full of others' halves. */
    return *w->list ? dor__link_table_find(w->table, w->pid, other) : NULL;
}

/* ---- making and undoing ---- */

dor_result dor__link_halves_new(dor_message *halves[2])
{
    for (unsigned i = 0; i < 2; i++)
        halves[i] = dor__message_new(DOR_MSG_LINK, sizeof(dor_link_half), NULL);
    if (halves[0] && halves[1]) return DOR_SUCCESS;
    dor__link_halves_free(halves);
    return dor__error(DOR_E_NOMEM);
}

void dor__link_halves_free(dor_message *halves[2])
{
    dor__message_free(halves[0]);
    dor__message_free(halves[1]);
}

dor_message *dor__link_begin(const dor_linker *w, dor_pid other, dor_message *halves[2])
{
    if (find(w, other)) return NULL;
    if (++*w->last_number == 0) *w->last_number = 1;
    for (unsigned i = 0; i < 2; i++) {
        *dor__half_of(halves[i]) = (dor_link_half){.self = w->pid, .mine = *w->last_number};
        halves[i]->to_ = other;
    }
    insert(w, halves[0]);
    return halves[1];
}

dor_message *dor__link_undo(const dor_linker *w, dor_pid other)
{
    dor_message *half = find(w, other);
    if (!half) return NULL;
    take_out(w, half);
    half->type = DOR_MSG_UNLINK;
    return half;
}

static dor_message *linked(const dor_linker *w, dor_message *m)
{
    dor_link_half *h = dor__half_of(m);
    dor_pid other = h->self;
    uint32_t number = h->mine;
    dor_message *half = find(w, other);
    if (half) {
        dor__half_of(half)->theirs = number;
        return m;
    }
    *h = (dor_link_half){.self = w->pid, .theirs = number};
    m->to_ = other;
    insert(w, m);
    return NULL;
}

static dor_message *unlinked(const dor_linker *w, dor_message *m)
{
    const dor_link_half *undone = dor__half_of(m);
    dor_message *half = find(w, undone->self);
    if (!half) return m;
    dor_link_half *h = dor__half_of(half);
    if (h->theirs == undone->mine) h->theirs = 0;
    if (h->mine == undone->theirs) h->mine = 0;
    if (h->mine || h->theirs) return m;
    take_out(w, half);
    m->next_ = half;
    return m;
}

dor_message *dor__link_arrived(const dor_linker *w, dor_message *m)
{
    m->next_ = NULL;
    return m->type == DOR_MSG_LINK ? linked(w, m) : unlinked(w, m);
}

bool dor__link_exists(const dor_linker *w, dor_pid other)
{
    return find(w, other) != NULL;
}

dor_message *dor__link_forget(const dor_linker *w, dor_pid other)
{
    dor_message *half = find(w, other);
    if (half) take_out(w, half);
    return half;
}

/* ---- ends ---- */

static dor_message *over(dor_link_table *table, dor_message *half, int reason)
{
    dor_message *next = (dor_message *)half->next_;
    dor__link_table_remove(table, half);
    half->type = DOR_MSG_LINK_OVER;
    half->next_ = NULL;
    dor__half_of(half)->reason = reason;
    dor__half_of(half)->chain = next;
    return half;
}

dor_message *dor__links_end(const dor_linker *w, int reason)
{
    dor_message *first = *w->list;
    *w->list = NULL;
    return first ? over(w->table, first, reason) : NULL;
}

dor_message *dor__link_next(dor_link_table *table, dor_message *m)
{
    dor_link_half *h = dor__half_of(m);
    dor_message *next = h->chain ? over(table, h->chain, h->reason) : NULL;
    h->chain = NULL;
    m->type = DOR_MSG_EXIT_LINKED;
    return next;
}

void dor__link_refused(dor_message *m)
{
    dor_pid sender = dor__half_of(m)->self;
    *dor__half_of(m) = (dor_link_half){.self = m->to_, .reason = DOR_E_NOPROC};
    m->to_ = sender;
    m->type = DOR_MSG_EXIT_LINKED;
}
