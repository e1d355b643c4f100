/*
 * peer.c - the loop of every peer: reads a task, makes its connections, moves data both ways, says what came of it.
 */
#include "peer.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINE_MAX_LEN = 8192, DATA_LEN = 20000 /* two records */, PATIENCE_S = 10 };

static char said[2048], wrong[512], unable[256];

/* ---- words ---------------------------------------------------------------------------------------------------- */

const char *peer_get(const peer_task *task, const char *key)
{
    for (unsigned i = 0; i < task->words; i++)
        if (strcmp(task->key[i], key) == 0) return task->value[i];
    return "";
}

bool peer_is(const peer_task *task, const char *key, const char *value)
{
    return strcmp(peer_get(task, key), value) == 0;
}

const char *peer_file(const peer_task *task, const char *key, const char *ending)
{
    static char path[512];
    snprintf(path, sizeof path, "%s%s", peer_get(task, key), ending);
    return path;
}

unsigned peer_ids(const peer_task *task, const char *key, uint16_t ids[PEER_IDS_MAX])
{
    unsigned count = 0;
    for (const char *at = peer_get(task, key); *at && count < PEER_IDS_MAX;) {
        char *end;
        ids[count++] = (uint16_t)strtoul(at, &end, 10);
        at = *end == ',' ? end + 1 : end + strlen(end);
    }
    return count;
}

const char *peer_name_of(const peer_name *names, unsigned id)
{
    while (names->name && names->id != id)
        names++;
    return names->name ? names->name : "?";
}

void peer_tell(const char *format, ...)
{
    size_t len = strlen(said);
    va_list args;
    va_start(args, format);
    said[len] = ' ';
    (void)vsnprintf(said + len + 1, sizeof said - len - 1, format, args);
    va_end(args);
}

void peer_fail(const char *format, ...)
{
    va_list args;
    if (*wrong) return;
    va_start(args, format);
    (void)vsnprintf(wrong, sizeof wrong, format, args);
    va_end(args);
}

void peer_cannot(const char *format, ...)
{
    va_list args;
    if (*unable) return;
    va_start(args, format);
    (void)vsnprintf(unable, sizeof unable, format, args);
    va_end(args);
}

static void say(const char *word, const char *text)
{
    printf("%s%s%s\n", word, *text == ' ' ? "" : " ", text);
    fflush(stdout);
}

/* ---- sockets -------------------------------------------------------------------------------------------------- */

static struct sockaddr_in loopback(unsigned port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int listen_somewhere(unsigned *port)
{
    struct sockaddr_in a = loopback(0);
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 8) ||
        getsockname(fd, (struct sockaddr *)&a, &len)) {
        perror("listen");
        exit(2);
    }
    *port = ntohs(a.sin_port);
    return fd;
}

static int one_connection(int listener, unsigned port)
{
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    struct sockaddr_in a = loopback(port);
    int fd = -1;
    if (listener >= 0) {
        (void)setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        fd = accept(listener, NULL, NULL);
    } else {
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a)) {
            close(fd);
            fd = -1;
        }
    }
    if (fd >= 0) {
        const int on = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    }
    return fd;
}

/* ---- a connection --------------------------------------------------------------------------------------------- */

/*
 * Clients send first, servers send back what they got. Each end says what it knows in the last one, a server before it
 * sends: the client ends the connection when it has everything.
 */
static bool exchange(const peer_ops *ops, void *state, bool server, unsigned char first, bool last)
{
    static unsigned char sent[DATA_LEN], got[DATA_LEN];
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (unsigned char)(first + i * 7);
    if (!server && !ops->send(state, sent, sizeof sent)) return false;
    if (!ops->recv(state, got, sizeof got)) return false;
    if (memcmp(sent, got, sizeof sent) != 0) {
        peer_fail("other data came than was sent");
        return false;
    }
    if (last) ops->report(state);
    return !server || ops->send(state, sent, sizeof sent);
}

static bool new_keys(const peer_ops *ops, void *state)
{
    if (ops->key_update) return ops->key_update(state);
    peer_fail("no way to update keys");
    return false;
}

/* The client's keys change between the first and the second exchange, the server's between that and the third. */
static bool talk(const peer_ops *ops, void *state, const peer_task *task)
{
    bool update = peer_is(task, "extra", "key_update");
    if (!exchange(ops, state, task->server, 1, !update)) return false;
    if (!update) return true;
    if (!task->server && !new_keys(ops, state)) return false;
    if (!exchange(ops, state, task->server, 2, false)) return false;
    if (task->server && !new_keys(ops, state)) return false;
    return exchange(ops, state, task->server, 3, true);
}

static void one_turn(const peer_ops *ops, void *state, const peer_task *task, int fd, unsigned turn)
{
    static char why[sizeof wrong];
    unsigned char end;
    *said = *wrong = 0;
    bool good = ops->handshake(state, fd, turn) && talk(ops, state, task);
    good = good && !*wrong;
    if (!good) peer_fail("without a reason");
    snprintf(why, sizeof why, "%s", wrong);
    if (good && task->server) (void)ops->recv(state, &end, 1); /* clients end first */
    ops->close(state);
    say(good ? "done" : "failed", good ? said : why);
}

static void all_turns(const peer_ops *ops, void *state, const peer_task *task)
{
    unsigned times = (unsigned)atoi(peer_get(task, "times"));
    unsigned port = (unsigned)atoi(peer_get(task, "port"));
    int listener = -1;
    if (task->server) {
        char text[16];
        if (!ops->listen)
            listener = listen_somewhere(&port);
        else if (!ops->listen(state, &port)) {
            say("failed", wrong);
            return;
        }
        snprintf(text, sizeof text, "%u", port);
        say("port", text);
    }
    for (unsigned turn = 0; turn < (times ? times : 1); turn++) {
        int fd = ops->listen ? -1 : one_connection(listener, port);
        if (fd < 0 && !ops->listen)
            say("failed", "no TCP connection");
        else
            one_turn(ops, state, task, fd, turn);
        if (fd >= 0) close(fd);
    }
    if (listener >= 0) close(listener);
}

/* ---- tasks ---------------------------------------------------------------------------------------------------- */

static void run(const peer_ops *ops, const peer_task *task)
{
    *wrong = *unable = 0;
    void *state = ops->configure(task);
    if (state && !*unable)
        all_turns(ops, state, task);
    else if (*unable)
        say("cannot", unable);
    else
        say("failed", wrong);
    if (state) ops->release(state);
}

static bool parse(char *line, peer_task *task)
{
    char *rest = NULL, *word = strtok_r(line, " \n", &rest);
    memset(task, 0, sizeof *task);
    if (!word || (strcmp(word, "server") != 0 && strcmp(word, "client") != 0)) return false;
    task->server = *word == 's';
    while ((word = strtok_r(NULL, " \n", &rest)) && task->words < PEER_WORDS_MAX) {
        char *equals = strchr(word, '=');
        if (!equals) return false;
        *equals = 0;
        task->key[task->words] = word;
        task->value[task->words++] = equals + 1;
    }
    return !word;
}

int peer_main(const peer_ops *ops)
{
    static char line[LINE_MAX_LEN];
    (void)signal(SIGPIPE, SIG_IGN);
    while (fgets(line, sizeof line, stdin)) {
        peer_task task;
        if (strcmp(line, "version\n") == 0) {
            char text[128];
            ops->version(text, sizeof text);
            say("version", text);
        } else if (parse(line, &task)) {
            run(ops, &task);
        } else {
            say("failed", "no such task");
        }
    }
    return 0;
}
