#!/usr/bin/env python3
"""Ports under asyncio: the example of docs/ports.md, and what else a loop does to a port."""
import asyncio
import ctypes
import os
import sys

if os.environ.get("DORMOUSE_SANITIZE"):
    print("skipped: the interpreter is not built with the sanitizer")
    sys.exit(77)
SOURCE = os.environ.get("DORMOUSE_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("DORMOUSE_BUILD") or os.path.join(SOURCE, "build")
os.environ["LIBDORMOUSE"] = os.path.join(BUILD, "libdormouse.so")
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(SOURCE, "docs", "examples"))
import port_asyncio as dormouse  # noqa: E402

lib, USER = dormouse.lib, 0x10000
lib.dor_message_new.restype, lib.dor_message_new.argtypes = ctypes.c_void_p, [ctypes.c_uint32, ctypes.c_size_t, ctypes.c_void_p]
lib.dor_send.restype, lib.dor_send.argtypes = ctypes.c_int, [ctypes.c_uint64, ctypes.c_void_p]
lib.dor_runtime_default.restype = ctypes.c_void_p


def descriptors():
    return len(os.listdir("/proc/self/fd"))


class Counter(dormouse.Port):
    """Counts the messages, and how often the loop came."""

    def __init__(self):
        super().__init__()
        self.messages, self.visits = 0, 0

    def _on_message(self, message, payload):
        self.messages += 1

    def _on_readable(self):
        self.visits += 1
        super()._on_readable()


async def bursts():
    port = Counter()
    for _ in range(1000):
        assert lib.dor_send(port.handle, lib.dor_message_new(USER, 8, None)) == 0
    while port.messages < 1000:
        await asyncio.sleep(0)
    assert port.visits == -(-1000 // dormouse.BATCH), port.visits
    await asyncio.sleep(0.05)
    assert port.visits == -(-1000 // dormouse.BATCH), "the loop spins"
    port.close()


async def refused():
    """A call that fails is an exception, one that is cancelled leaves nothing."""
    port, options = dormouse.Port(), lib.dor_options_new()
    try:
        await port.call(lib.dor_ssl_connect_async, None, b"127.0.0.1", 1, options, 5000)
        raise AssertionError("connected to nobody")
    except dormouse.DormouseError as error:
        assert "refused" in str(error), error
    listening = lib.dor_options_new()
    dormouse.check(lib.dor_options_use_development_certificate(listening, b"localhost", None))
    listener, _ = dormouse.listen(port, listening)
    task = asyncio.create_task(port.call(lib.dor_ssl_transport_accept_async, listener, dormouse.INFINITY))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not port.calls
    port.close()
    lib.dor_options_free(options)
    lib.dor_options_free(listening)


async def stopped():
    """The runtime's end is learned of, and the port can be closed after it."""
    port = dormouse.Port()
    fd = port.fd
    await asyncio.to_thread(lambda: dormouse.check(lib.dor_runtime_stop(None, 1000)))
    for _ in range(1000):
        await asyncio.sleep(0.001)
        if not port.loop.remove_reader(fd):
            break  # _on_readable has removed it
        port.loop.add_reader(fd, port._on_readable)
    else:
        raise AssertionError("the descriptor did not become readable")
    os.fstat(fd)
    port.close()


async def all_of_it():
    assert await asyncio.wait_for(dormouse.main(8, 50), 60) == 400
    await asyncio.wait_for(bursts(), 60)
    await asyncio.wait_for(refused(), 60)
    await asyncio.wait_for(stopped(), 60)


asyncio.run(all_of_it())  # the first time libuv keeps some descriptors for good
before = descriptors()
asyncio.run(all_of_it())
assert descriptors() == before, "%d descriptors instead of %d" % (descriptors(), before)
print("fine")
