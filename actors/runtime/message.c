/*
 * message.c - the memory of messages. On a scheduler's thread it comes from the scheduler's pool.
 *
 * A block's size class follows from the message's size alone, which therefore never changes after dor__message_new.
 */
#include "runtime/limits.h"

#include "base/alloc.h"

#include <string.h>

_Static_assert(sizeof(dor_message) == 32 || sizeof(void *) != 8, "the payload keeps malloc's alignment");

dor_message *dor__message_new(uint32_t type, size_t size, dor_message_destroy_fn destroy)
{
    dor_message *m;
    if (size > UINT32_MAX - sizeof *m) return NULL;
#ifdef DOR_PLAIN_MALLOC
    m = (dor_message *)dor__malloc(sizeof *m + size);
#else
    unsigned class_ = dor__pool_class(sizeof *m + size);
    dor_scheduler *s = dor__current;
    if (class_ == DOR_POOL_CLASSES)
        m = (dor_message *)dor__malloc(sizeof *m + size);
    else if (s)
        m = (dor_message *)dor__pool_get(&s->pool, class_);
    else
        m = (dor_message *)dor__malloc(dor__pool_class_size(class_));
#endif
    if (!m) return NULL;
    m->next_ = NULL;
    m->to_ = DOR_PID_NONE;
    m->destroy_ = destroy;
    m->type = type;
    m->size = (uint32_t)size;
    memset(m + 1, 0, size);
    return m;
}

void dor__message_free(dor_message *m)
{
    if (!m) return;
    if (m->destroy_) {
        m->type = dor__due_shown(m->type); /* a reply that nobody takes is shown without its mark */
        m->destroy_(m);
    }
#ifdef DOR_PLAIN_MALLOC
    dor__free(m);
#else
    unsigned class_ = dor__pool_class(sizeof *m + m->size);
    dor_scheduler *s = dor__current;
    if (s && class_ < DOR_POOL_CLASSES)
        dor__pool_put(&s->pool, class_, m);
    else
        dor__free(m);
#endif
}

void dor__message_undeliverable(dor_message *m)
{
    dor_scheduler *s = dor__current;
    if (s && !dor__is_system_message(m->type)) DOR_FIGURE_ADD(s->figures.undelivered, 1);
    if (m->type == DOR_MSG_MONITOR)
        dor__watch_refused(m);
    else
        dor__message_free(m);
}

/* ---- messages that carry a buffer: known by their destructor ---- */

typedef struct carried {
    dor_ref ref;        /* room for what dor_request and dor_reply put there */
    dor_buffer *buffer; /* NULL: taken */
} carried;

static void release_buffer(dor_message *m)
{
    dor__buffer_unref(((carried *)dor_message_payload(m))->buffer);
}

static carried *carried_by(const dor_message *m)
{
    return m->destroy_ == release_buffer ? (carried *)(uintptr_t)(m + 1) : NULL;
}

dor_message *dor__message_new_buffer(uint32_t type, dor_buffer *buffer)
{
    dor_message *m = dor__message_new(type, sizeof(carried), release_buffer);
    if (m)
        carried_by(m)->buffer = buffer;
    else
        dor__buffer_unref(buffer);
    return m;
}

const dor_buffer *dor__message_buffer(const dor_message *m)
{
    const carried *c = carried_by(m);
    return c ? c->buffer : NULL;
}

dor_buffer *dor__message_take_buffer(dor_message *m)
{
    carried *c = carried_by(m);
    dor_buffer *buffer = c ? c->buffer : NULL;
    if (c) c->buffer = NULL;
    return buffer;
}

uint64_t dor__message_weight(const dor_message *m)
{
    const dor_buffer *buffer = dor__message_buffer(m);
    return m->size + (buffer ? dor__buffer_len(buffer) : 0);
}
