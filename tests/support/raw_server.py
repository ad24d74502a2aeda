"""A server's side by hand, where the order of what happens on a connection matters."""
import contextlib
import os
import signal
import socket
import struct

from support.weir import wait_for

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextlib.contextmanager
def listening(receive_buffer=None):
    """A listener on a free port; .address is for a configuration."""

    class Listener(socket.socket):
        @property
        def address(self):
            return "127.0.0.1:%d" % self.getsockname()[1]

    with Listener() as listener:
        if receive_buffer:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        listener.settimeout(10)
        yield listener


@contextlib.contextmanager
def stopped(pid):
    """weir sees all that happens meanwhile in one turn of its loop."""
    os.kill(pid, signal.SIGSTOP)
    wait_for("weir stops", lambda: open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0]
             == "T")
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def read_request(connection, length):
    """All of it: a head that weir wrote, and so many bytes of its body."""
    connection.settimeout(10)
    data = b""
    while b"\r\n\r\n" not in data or len(data.partition(b"\r\n\r\n")[2]) < length:
        more = connection.recv(262144)
        assert more, f"closed after {len(data)} bytes"
        data += more
    return data


def read_to_end(connection):
    """What comes until the other side has closed."""
    connection.settimeout(10)
    data = bytearray()
    while True:
        more = connection.recv(65536)
        if not more:
            return bytes(data)
        data += more


def passed_on(client, listener, request):
    """The connection on which these bytes of a request have come."""
    client.send(request)
    connection, _ = listener.accept()
    read_request(connection, len(request.partition(b"\r\n\r\n")[2]))
    return connection


def served_once(client, listener):
    """The connection on which a first request was answered: it is in the pool now."""
    connection = passed_on(client, listener, b"GET /first HTTP/1.1\r\nHost: a\r\n\r\n")
    connection.sendall(OK)
    assert client.read("GET").body == b"ok"
    return connection
