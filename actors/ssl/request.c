/* request.c - requests that turn into their own answers. */
#include "ssl/request.h"
#include "ssl/local.h"
#include <unistd.h>

static void destroy_reply(dor_message *message)
{
    dor_ssl_reply *reply = dor_message_payload(message);
    dor__buffer_unref(reply->data);
    if (reply->fd >= 0) (void)close(reply->fd);
}

/* Nobody handled it. Its memory is going, so the answer needs a message of its own. */
static void destroy_request(dor_message *message)
{
    dor_ssl_request *request = dor__request_of(message);
    if (request->release) request->release(request);
    if (request->reply_to == DOR_PID_NONE) return;
    dor_message *answer = dor__message_new(DOR_MSG_SSL_REPLY, sizeof(dor_ssl_reply), destroy_reply);
    if (!answer) return;
    *(dor_ssl_reply *)dor_message_payload(answer) = (dor_ssl_reply){
        .ref = request->reply.ref, .socket = request->reply.socket, .result = DOR_E_CLOSED, .fd = -1};
    (void)dor__send(request->reply_to, answer);
}

dor_message *dor__request_new(uint32_t type, size_t size, dor_pid reply_to, dor_ref ref, dor_socket socket)
{
    dor_message *message = dor__message_new(type, size, destroy_request);
    if (!message) return NULL;
    dor_ssl_request *request = dor__request_of(message);
    request->reply.ref = ref;
    request->reply.socket = socket;
    request->reply.fd = -1;
    request->reply_to = ref ? reply_to : DOR_PID_NONE;
    return message;
}

void dor__request_answer(dor_message *message, dor_result result, dor_buffer *data)
{
    dor_ssl_request *request = dor__request_of(message);
    dor_pid to = request->reply_to;
    if (request->release) request->release(request);
    request->release = NULL;
    request->reply_to = DOR_PID_NONE;
    request->reply.result = result.code;
    request->reply.data = data;
    message->type = DOR_MSG_SSL_REPLY;
    message->destroy_ = destroy_reply;
    if (to == DOR_PID_NONE)
        dor__message_free(message);
    else
        (void)dor__send(to, message);
}

void dor__request_answer_socket(dor_message *message, dor_socket socket)
{
    dor_ssl_request *request = dor__request_of(message);
    request->reply.socket = socket;
    dor__request_answer(message, DOR_SUCCESS, NULL);
}
