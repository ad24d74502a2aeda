"""A scriptable upstream server: keeps every request byte for byte and answers as the
test says, including all that a server should not do.

    legacy = Upstream("legacy")
    legacy.on("/orders", Reply(500))
    legacy.on("/cut", Reply(body=b"x" * 100, cut=90))
    legacy.on(lambda request: request.nth > 1, Reply(cut=0))   # a stale connection
    legacy.fail("/cart", 0.3)                                  # 30% of them, seeded
"""
import random
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

from support.wire import (Body, Ended, Fields, Malformed, Reader, chunked, framing, parse_head,
                          read_chunked)

REASONS = {200: "OK", 204: "No Content", 304: "Not Modified", 404: "Not Found",
           413: "Content Too Large", 500: "Internal Server Error", 503: "Service Unavailable"}


@dataclass
class Request:
    method: str
    target: str
    minor: int
    fields: Fields
    connection: int  # which connection of this upstream, from 1
    nth: int  # which request on it, from 1
    head: bytes  # as received
    content: Body = field(default_factory=Body)
    trailers: Fields = field(default_factory=Fields)
    complete: bool = False

    @property
    def path(self):
        return self.target.partition("?")[0]

    @property
    def body(self):
        return self.content.bytes


@dataclass
class Reply:
    status: int = 200
    body: bytes = b""
    fields: tuple = ()
    framing: str = "length"  # or "chunked", "close", "none"
    pieces: tuple = ()  # the body as chunks, instead of body; an Event waits
    length: int = None  # the Content-Length, where the pieces cannot tell
    raw: bytes = None  # these very bytes instead of all the above
    interim: tuple = ()  # raw 1xx responses to send first
    wait: threading.Event = None  # before the first byte
    seconds: float = 0  # that it takes to answer
    cut: int = None  # send so many bytes, then close
    reset: bool = False  # close with RST
    close: bool = False  # announce "Connection: close" and close
    close_silently: bool = False  # close after the response, unannounced
    early: bool = False  # answer before the body is read
    continues: bool = True  # send 100 where it is expected
    reads: bool = True  # False: stops reading after the head, until wait
    date: bool = True
    minor: int = 1  # the version it says
    trailers: tuple = ()  # fields behind the last chunk
    talk: object = None  # called with the connection's Reader instead of all the above


class Upstream:
    """Listens on a free port of 127.0.0.1 from the start. .errors holds what weir
    sent that no proxy may send; the fixture asserts that it stays empty."""

    def __init__(self, arm="legacy", receive_buffer=None, seed=1):
        self.arm = arm
        self.requests = []
        self.errors = []
        self.connections = 0
        self._scripts = []
        self._failing = {}
        self._random = random.Random(seed)
        self._lock = threading.Condition()
        self._open = {}  # connection number -> (socket, busy)
        self._resetting = set()  # numbers of connections to end with RST
        self._stopping = False
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if receive_buffer:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(1024)
        self.port = self._listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    # Scripts: the last one that matches answers.

    def on(self, match, reply):
        """match: an exact path, or a predicate of the request; reply: a Reply, or
        what makes one from the request."""
        with self._lock:
            self._scripts.insert(0, (match, reply))

    def clear(self):
        with self._lock:
            self._scripts.clear()
            self._failing.clear()

    def fail(self, path, share, status=503):
        """That share of the requests for the path answers the status."""
        with self._lock:
            self._failing[path] = (share, status)

    def heal(self):
        with self._lock:
            self._failing.clear()

    # What has been seen.

    def wait_requests(self, count, timeout=10):
        """Waits until so many requests came; returns them."""
        with self._lock:
            assert self._lock.wait_for(lambda: len(self.requests) >= count, timeout), (
                f"{self.arm}: {len(self.requests)} of {count} requests")
            return list(self.requests)

    def wait_open(self, count, timeout=10):
        """Waits until exactly so many connections are open."""
        with self._lock:
            assert self._lock.wait_for(lambda: len(self._open) == count, timeout), (
                f"{self.arm}: {len(self._open)} connections open, not {count}")

    def wait_connections(self, count, timeout=10):
        """Waits until so many connections have been made."""
        with self._lock:
            assert self._lock.wait_for(lambda: self.connections >= count, timeout), (
                f"{self.arm}: {self.connections} of {count} connections")

    def wait_complete(self, request, timeout=10):
        with self._lock:
            assert self._lock.wait_for(lambda: request.complete, timeout), "request incomplete"

    @property
    def last(self):
        return self.requests[-1]

    # Endings.

    def close_idle(self, reset=False):
        """Closes every connection, once it waits for a request, and waits for its end."""
        with self._lock:
            none_busy = self._lock.wait_for(
                lambda: not any(busy for _, busy in self._open.values()), 10)
            assert none_busy, f"{self.arm}: a connection stays busy"
            idle = {n: s for n, (s, _) in self._open.items()}
            if reset:
                self._resetting.update(idle)
            for sock in idle.values():
                sock.shutdown(socket.SHUT_RD)  # wakes its thread, which closes it
            assert self._lock.wait_for(lambda: not idle.keys() & self._open.keys(), 10)

    def stop(self):
        self._stopping = True
        _close(self._listener, False)
        with self._lock:
            socks = [s for s, _ in self._open.values()]
        for sock in socks:
            _close(sock, False)

    # The server.

    def _accept(self):
        while not self._stopping:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self.connections += 1
                number = self.connections
                self._open[number] = (sock, False)
                self._lock.notify_all()
            threading.Thread(target=self._serve, args=(sock, number), daemon=True).start()

    def _serve(self, sock, number):
        reader = Reader(sock)
        nth = 0
        reset = False
        try:
            while True:
                nth += 1
                request = self._read_head(reader, number, nth)
                if request is None:
                    return
                again, reset = self._answer(sock, reader, request)
                if not again:
                    return
        except Ended:
            pass  # weir gave the request up
        except Malformed as error:
            self.errors.append(f"{self.arm}, connection {number}: {error}")
        except OSError:
            pass
        finally:
            _close(sock, reset or number in self._resetting)
            with self._lock:
                self._open.pop(number, None)
                self._lock.notify_all()

    def _read_head(self, reader, number, nth):
        if not reader.buffer and not reader.fill():
            return None
        with self._lock:
            self._open[number] = (reader.sock, True)
        head = reader.until(b"\r\n\r\n")
        first, fields = parse_head(head)
        words = first.split(b" ")
        if len(words) != 3 or words[2] not in (b"HTTP/1.1", b"HTTP/1.0") or not all(words):
            raise Malformed(f"request line {first!r}")
        request = Request(words[0].decode(), words[1].decode("latin-1"), int(words[2][-1:]),
                          fields, number, nth, head)
        with self._lock:
            self.requests.append(request)
            self._lock.notify_all()
        return request

    def _reply_for(self, request):
        with self._lock:
            for match, reply in self._scripts:
                if match(request) if callable(match) else match == request.path:
                    return reply(request) if callable(reply) else reply
            share, status = self._failing.get(request.path, (0, 0))
            if share and self._random.random() < share:
                return Reply(status, body=b"failed\n")
        return Reply(body=f"{self.arm} {request.target}\n".encode())

    def _read_body(self, reader, request):
        how = framing(request.fields)
        if how == "chunked":
            request.trailers = read_chunked(reader, request.content)
        elif how:
            reader.exactly(how, request.content)
        with self._lock:
            request.complete = True
            self._lock.notify_all()

    def _answer(self, sock, reader, request):
        """Whether to go on with this connection, and whether to end it with RST."""
        reply = self._reply_for(request)
        if not reply.reads:
            reply.wait.wait(60)
        if not reply.early:
            expects = request.fields.get("Expect", "").lower() == "100-continue"
            if expects and reply.continues:
                sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._read_body(reader, request)
        if reply.wait:
            reply.wait.wait(60)
        if reply.seconds:
            time.sleep(reply.seconds)
        for interim in reply.interim:
            sock.sendall(interim)
        if reply.talk:
            reply.talk(reader)
            return False, reply.reset
        left = [reply.cut]
        self._send_all(sock, reply, request, left)
        if reply.early:
            self._read_body(reader, request)
        ends = reply.close or reply.close_silently or reply.framing == "close"
        if ends or reply.cut is not None or reply.reset or reply.raw is not None:
            return False, reply.reset
        with self._lock:
            self._open[request.connection] = (sock, False)
            self._lock.notify_all()
        return True, False

    def _send_all(self, sock, reply, request, left):
        for piece in self._pieces(reply, request):
            if isinstance(piece, threading.Event):
                piece.wait(60)
                continue
            if left[0] is not None:
                piece = piece[: left[0]]
                left[0] -= len(piece)
            if piece:
                sock.sendall(piece)

    def _pieces(self, reply, request):
        if reply.raw is not None:
            yield reply.raw
            return
        reason = REASONS.get(reply.status, "Whatever")
        lines = [f"HTTP/1.{reply.minor} {reply.status} {reason}", f"X-Arm: {self.arm}"]
        if reply.date:
            lines.append("Date: Sun, 22 Nov 2026 10:00:00 GMT")
        lines += [f"{n}: {v}" for n, v in reply.fields]
        pieces = reply.pieces or (reply.body,)
        if reply.framing == "length":
            length = reply.length
            if length is None:
                length = sum(len(p) for p in pieces if not isinstance(p, threading.Event))
            if reply.status not in (204, 304):
                lines.append(f"Content-Length: {length}")
        elif reply.framing == "chunked":
            lines.append("Transfer-Encoding: chunked")
        if reply.close:
            lines.append("Connection: close")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        if request.method == "HEAD" or reply.status in (204, 304):
            yield head
            return
        if reply.framing == "chunked":
            yield head
            for piece in pieces:
                yield piece if isinstance(piece, threading.Event) else chunked([piece])[:-5]
            yield b"0\r\n" + "".join(f"{n}: {v}\r\n" for n, v in reply.trailers).encode("latin-1") + b"\r\n"
        elif not reply.pieces and len(reply.body) < 65536:
            yield head + reply.body
        else:
            yield head
            yield from pieces


def _close(sock, reset):
    try:
        if reset:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    sock.close()


class ClosedPort:
    """An address where nothing listens, kept so that nothing else will."""

    def __init__(self):
        self._sock = socket.socket()
        self._sock.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._sock.getsockname()[1]

    def stop(self):
        self._sock.close()


class FullPort:
    """An address that lets a connection attempt wait for ever: its queue is full."""

    def __init__(self):
        self._sock = socket.socket()
        self._sock.bind(("127.0.0.1", 0))
        self._sock.listen(0)
        where = self._sock.getsockname()
        self.address = "127.0.0.1:%d" % where[1]
        self._filling = []
        for _ in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(where)
            self._filling.append(sock)

    def stop(self):
        for sock in self._filling + [self._sock]:
            sock.close()
