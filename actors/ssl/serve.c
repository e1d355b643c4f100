/*
 * serve.c - owner actors of dor_ssl_serve: one per connection, on the connection's scheduler, made when its handshake is
 * done.
 *
 * Such an owner and its connection tell each other when they end, by a call: they live on one scheduler, and unlike
 * monitors or messages that takes no memory, so it cannot fail. The connection is held (nothing is read or delivered)
 * until `open` has run.
 *
 * Owning thread: the scheduler of the connection.
 */
#include "ssl/listener.h"
#include "base/alloc.h"

typedef struct dor_served {
    dor_actor actor;
    dor_listening *listening;
    const dor_protocol_spec *does; /* the listening's */
    void *state;
    dor_socket socket;
    dor_pid connection;
    bool opened;
    bool gone; /* the connection has ended, and no event will say so */
} dor_served;

/* ---- what owners do ------------------------------------------------------------------------------------------- */

/* One block: the spec's own, those for protocols, and the names of these. */
dor_protocol_spec *dor__serve_behaviours(const dor_server_spec *spec)
{
    size_t count = 1 + spec->protocol_count, bytes = count * sizeof(dor_protocol_spec);
    for (size_t i = 0; i < spec->protocol_count; i++)
        bytes += strlen(spec->protocols[i].name) + 1;
    dor_protocol_spec *all = dor__malloc(bytes);
    if (!all) return NULL;
    char *name = (char *)(all + count);
    all[0] = (dor_protocol_spec){NULL, spec->open, spec->receive, spec->close, spec->arg};
    for (size_t i = 1; i < count; i++) {
        all[i] = spec->protocols[i - 1];
        size_t len = strlen(all[i].name) + 1;
        memcpy(name, all[i].name, len);
        all[i].name = name;
        name += len;
    }
    return all;
}

/* ---- owners --------------------------------------------------------------------------------------------------- */

static dor_served *served_of(dor_actor *actor)
{
    return DOR_CONTAINER_OF(actor, dor_served, actor);
}

/*
 * After the end of the connection, what came before it is still handled: messages that wait, and events, as long as the
 * event mailbox outlives its producer for them.
 */
static void end_if_done(dor_served *served)
{
    if (!served->gone || served->actor.head) return;
    if (dor__handle_owner(served->socket) != served->actor.pid) dor__actor_end(&served->actor, DOR_OK);
}

void dor__serve_gone(dor_connection *c)
{
    dor_pid owner = c->served_owner;
    dor_actor *actor = owner ? dor__actor_lookup(c->local->scheduler, owner) : NULL;
    c->served_owner = DOR_PID_NONE;
    if (!actor) return;
    served_of(actor)->connection = DOR_PID_NONE;
    served_of(actor)->gone = true;
    end_if_done(served_of(actor));
}

static void open_owner(dor_served *served)
{
    const dor_protocol_spec *does = served->does;
    served->state = does->open ? does->open(served->socket, does->arg) : does->arg;
    served->opened = true;
    dor_actor *actor = dor__actor_lookup(served->actor.scheduler, served->connection);
    if (!actor) return;
    dor_connection *c = dor__conn_of(actor);
    c->held = false;
    dor__conn_deliver(c);
    dor__conn_settle(c);
}

/* An event that ends the connection for its owner. */
static bool is_end(const dor_served *served, dor_message *message)
{
    if (message->type != DOR_MSG_SSL_CLOSED && message->type != DOR_MSG_SSL_ERROR) return false;
    return ((const dor_ssl_event *)dor_message_payload(message))->socket == served->socket;
}

static void served_receive(dor_actor *actor, dor_message *message)
{
    dor_served *served = served_of(actor);
    bool end = is_end(served, message);
    if (message->type == DOR_MSG_SSL_OPEN) {
        dor__message_free(message);
        open_owner(served);
    } else if (served->does->receive) {
        served->does->receive(served->state, served->socket, message);
    } else {
        dor__message_free(message);
    }
    if (end)
        dor__actor_end(actor, DOR_OK);
    else
        end_if_done(served);
}

static void served_destroy(dor_actor *actor)
{
    dor_served *served = served_of(actor);
    if (served->opened && served->does->close) served->does->close(served->state);
    dor_actor *connection = dor__actor_lookup(actor->scheduler, served->connection);
    if (connection) dor__conn_owner_gone(dor__conn_of(connection)); /* else it has ended first */
    dor__listening_unref(served->listening);
    dor__free(served);
}

static const dor_actor_ops served_ops = {.receive = served_receive, .destroy = served_destroy};

/* By the protocol that was negotiated; the spec's own for those that it does not name, and for none. */
static const dor_protocol_spec *behaviour_for(dor_connection *c)
{
    const dor_listening *l = c->listening;
    dor_tls_info info = {0};
    dor__tls_get_info(c->tls, &info);
    for (size_t i = 1; i < l->behaviour_count; i++)
        if (dor__span_equal(info.alpn, dor__span_str(l->behaviours[i].name))) return &l->behaviours[i];
    return &l->behaviours[0];
}

dor_result dor__serve_connected(dor_connection *c)
{
    dor_message *open = dor__message_new(DOR_MSG_SSL_OPEN, 0, NULL);
    dor_served *served = dor__calloc(1, sizeof *served);
    dor_result r = open && served ? DOR_SUCCESS : dor__error(DOR_E_NOMEM);
    if (dor__ok(r)) r = dor__actor_init(&served->actor, c->local->scheduler, &served_ops);
    if (dor__failed(r)) {
        dor__message_free(open);
        dor__free(served);
        return r;
    }
    served->listening = dor__listening_ref(c->listening);
    served->does = behaviour_for(c);
    served->socket = c->handle;
    served->connection = c->actor.pid;
    r = dor__handle_attach(c->handle, c->owner, served->actor.pid);
    if (dor__failed(r)) {
        dor__message_free(open);
        dor__actor_end(&served->actor, r.code);
        return r;
    }
    c->owner = c->served_owner = served->actor.pid;
    c->held = true;
    return dor__send(served->actor.pid, open);
}
