"""A port in asyncio, by way of ctypes: no thread but the event loop's ever runs Python.

    LIBDORMOUSE=build/libdormouse.so python3 docs/examples/port_asyncio.py

starts an echo server and a client on one loop and lets them talk. `Port` is what there is to take over.
"""
import asyncio
import contextlib
import ctypes
import os

lib = ctypes.CDLL(os.environ.get("LIBDORMOUSE", "libdormouse.so"))
SSL, CLOSED, ERROR, REPLY = 16, 17, 18, 22  # DOR_MSG_SSL and so on
INFINITY, ACTIVE_TRUE = 2**32 - 1, -1
BATCH = 64


class Message(ctypes.Structure):  # dor_message; the payload follows it
    _fields_ = [("next", ctypes.c_void_p), ("to", ctypes.c_uint64), ("destroy", ctypes.c_void_p),
                ("type", ctypes.c_uint32), ("size", ctypes.c_uint32)]


class Event(ctypes.Structure):  # dor_ssl_event
    _fields_ = [("socket", ctypes.c_uint64), ("data", ctypes.c_void_p), ("session", ctypes.c_void_p),
                ("reason", ctypes.c_int)]


class Reply(ctypes.Structure):  # dor_ssl_reply
    _fields_ = [("ref", ctypes.c_uint64), ("result", ctypes.c_int), ("socket", ctypes.c_uint64),
                ("data", ctypes.c_void_p)]


u64, u32, u16, ptr, cint = ctypes.c_uint64, ctypes.c_uint32, ctypes.c_uint16, ctypes.c_void_p, ctypes.c_int
u64_out, size_out, text = ctypes.POINTER(u64), ctypes.POINTER(ctypes.c_size_t), ctypes.c_char_p
for name, result, *arguments in [
        ("dor_port_new", cint, ptr, ptr, u64_out), ("dor_port_close", cint, u64), ("dor_port_fd", cint, u64),
        ("dor_port_drain", cint, u64, ctypes.POINTER(ctypes.POINTER(Message)), ctypes.c_size_t, size_out),
        ("dor_port_enter", cint, u64), ("dor_port_leave", cint), ("dor_message_free", None, ptr),
        ("dor_ssl_listen", cint, ptr, u16, ptr, u64_out), ("dor_ssl_sockname", cint, u64, ptr),
        ("dor_ssl_transport_accept_async", cint, u64, u32, u64_out),
        ("dor_ssl_accept_async", cint, u64, ptr, u32, u64_out),
        ("dor_ssl_connect_async", cint, ptr, text, u16, ptr, u32, u64_out),
        ("dor_ssl_set_active", cint, u64, cint), ("dor_ssl_send_async", cint, u64, ptr, u64_out),
        ("dor_ssl_close", cint, u64), ("dor_buffer_new", ptr, text, ctypes.c_size_t),
        ("dor_buffer_data", ptr, ptr), ("dor_buffer_len", ctypes.c_size_t, ptr),
        ("dor_options_new", ptr), ("dor_options_free", None, ptr),
        ("dor_options_set_text", cint, ptr, text, text),
        ("dor_options_use_development_certificate", cint, ptr, text, text),
        ("dor_runtime_stop", cint, ptr, u32), ("dor_format_error", text, cint, text, ctypes.c_size_t)]:
    function = getattr(lib, name)
    function.restype, function.argtypes = result, arguments


class DormouseError(OSError):
    pass


def check(code):
    if code < 0:
        room = ctypes.create_string_buffer(160)
        raise DormouseError(code, lib.dor_format_error(code, room, len(room)).decode())
    return code


class Port:
    """Calls are awaited, a socket's data is read from its queue: bytes, and None at the end."""

    def __init__(self):
        self.handle = u64()
        check(lib.dor_port_new(None, None, self.handle))
        self.fd = check(lib.dor_port_fd(self.handle))
        self.loop = asyncio.get_running_loop()
        self.calls, self.events = {}, {}
        self.batch = (ctypes.POINTER(Message) * BATCH)()
        self.loop.add_reader(self.fd, self._on_readable)

    def close(self):
        self.loop.remove_reader(self.fd)  # before the number can become another file's
        lib.dor_port_close(self.handle)
        for future in self.calls.values():
            future.cancel()

    @contextlib.contextmanager
    def speaking(self):
        check(lib.dor_port_enter(self.handle))
        try:
            yield
        finally:
            lib.dor_port_leave()

    async def call(self, function, *arguments):
        """One of the ..._async functions; the socket that its reply names."""
        ref = u64()
        with self.speaking():
            check(function(*arguments, ref))
        future = self.calls[ref.value] = self.loop.create_future()
        try:
            return await future
        finally:
            self.calls.pop(ref.value, None)  # a cancelled call's reply finds nobody

    def start(self, socket):
        """From now on the socket's data goes into the queue that is returned."""
        queue = self.events[socket] = asyncio.Queue()
        with self.speaking():
            check(lib.dor_ssl_set_active(socket, ACTIVE_TRUE))
        return queue

    def send(self, socket, data):
        check(lib.dor_ssl_send_async(socket, lib.dor_buffer_new(data, len(data)), None))

    def _on_readable(self):
        # One batch: what is left keeps the descriptor readable, and the loop comes back after its other work.
        count = ctypes.c_size_t()
        if lib.dor_port_drain(self.handle, self.batch, BATCH, count) < 0:
            self.loop.remove_reader(self.fd)  # the runtime has been stopped
            return
        for message in self.batch[:count.value]:
            try:
                self._on_message(message.contents, ctypes.addressof(message.contents) + ctypes.sizeof(Message))
            finally:
                lib.dor_message_free(message)

    def _on_message(self, message, payload):
        if message.type == REPLY:
            reply = Reply.from_address(payload)
            future = self.calls.pop(reply.ref, None)
            if future is None or future.done():
                return
            try:
                check(reply.result)
                future.set_result(reply.socket)
            except DormouseError as error:
                future.set_exception(error)
        elif message.type in (SSL, CLOSED, ERROR):
            event = Event.from_address(payload)
            data = None
            if message.type == SSL:
                data = ctypes.string_at(lib.dor_buffer_data(event.data), lib.dor_buffer_len(event.data))
            if event.socket in self.events:
                self.events[event.socket].put_nowait(data)


async def echo(port, listener):
    async def serve(socket):
        socket = await port.call(lib.dor_ssl_accept_async, socket, None, 5000)
        queue = port.start(socket)
        while (data := await queue.get()) is not None:
            port.send(socket, data)

    tasks = []
    while True:
        socket = await port.call(lib.dor_ssl_transport_accept_async, listener, INFINITY)
        tasks.append(asyncio.create_task(serve(socket)))


async def talk(port, tcp_port, options, name, rounds):
    socket = await port.call(lib.dor_ssl_connect_async, None, b"127.0.0.1", tcp_port, options, 5000)
    queue = port.start(socket)
    for number in range(rounds):
        text, got = b"%s %d\n" % (name, number), b""
        port.send(socket, text)
        while len(got) < len(text):
            got += await queue.get()
        assert got == text, got
    check(lib.dor_ssl_close(socket))
    return rounds


def listen(port, options):
    listener, address = u64(), ctypes.create_string_buffer(158)  # dor_address: ip[46], port, version, path[109]
    with port.speaking():
        check(lib.dor_ssl_listen(None, 0, options, listener))
    check(lib.dor_ssl_sockname(listener, address))
    return listener.value, u16.from_buffer(address, 46).value


async def main(clients=5, rounds=20):
    server_options, client_options = lib.dor_options_new(), lib.dor_options_new()
    check(lib.dor_options_use_development_certificate(server_options, b"localhost", None))
    check(lib.dor_options_set_text(server_options, b"ip", b"127.0.0.1"))
    check(lib.dor_options_set_text(client_options, b"verify", b"verify_none"))
    for options in (server_options, client_options):
        check(lib.dor_options_set_text(options, b"active", b"false"))
    server, client = Port(), Port()
    listener, tcp_port = listen(server, server_options)
    serving = asyncio.create_task(echo(server, listener))
    talks = [talk(client, tcp_port, client_options, b"client %d" % i, rounds) for i in range(clients)]
    done = sum(await asyncio.gather(*talks))
    serving.cancel()
    client.close()
    server.close()
    lib.dor_options_free(server_options)
    lib.dor_options_free(client_options)
    return done


if __name__ == "__main__":
    print(asyncio.run(main()), "echoes")
    check(lib.dor_runtime_stop(None, 1000))
