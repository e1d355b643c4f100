"""Stands between two ends and writes down the records that pass: one line each, "c 22 517 HEX" for a client's of type 22 and
517 bytes behind its header. The bytes themselves stand there in hexadecimal for types that may be in the clear (not 23).

    relay.py PORT FILE      prints "listening on N", then takes connections to it until it is ended

Each connection's lines are written to FILE when both of its directions have ended, behind a line "connection".
"""
import socket
import sys
import threading


def records(side, stream):
    at = 0
    while at + 5 <= len(stream):
        kind, size = stream[at], int.from_bytes(stream[at + 3:at + 5], "big")
        body = b"" if kind == 23 else bytes(stream[at + 5:at + 5 + size])
        yield "%s %d %d %s\n" % (side, kind, size, body.hex())
        at += 5 + size


def pump(source, sink, kept):
    try:
        while True:
            data = source.recv(65536)
            if not data:
                break
            kept += data
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for end in source, sink:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def connection(client, port, out, lock):
    with client, socket.create_connection(("127.0.0.1", port)) as server:
        streams = bytearray(), bytearray()
        back = threading.Thread(target=pump, args=(server, client, streams[1]))
        back.start()
        pump(client, server, streams[0])
        back.join()
    with lock, open(out, "a") as file:
        file.write("connection\n")
        for side, stream in zip("cs", streams):
            file.writelines(records(side, stream))


def main():
    port, out, lock = int(sys.argv[1]), sys.argv[2], threading.Lock()
    listener = socket.create_server(("127.0.0.1", 0))
    print("listening on %d" % listener.getsockname()[1], flush=True)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=connection, args=(client, port, out, lock), daemon=True).start()


main()
