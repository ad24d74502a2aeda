"""A raw HTTP/1 client: sends the very bytes it is given, in the pieces it is told,
and reads responses strictly, one after the other where requests were pipelined."""
import re
import select
import socket
from dataclasses import dataclass, field

from support.wire import Body, Ended, Fields, Malformed, Reader, framing, parse_head, read_chunked


@dataclass
class Response:
    status: int
    reason: str
    minor: int
    fields: Fields
    interim: list = field(default_factory=list)  # 1xx responses that came before
    trailers: Fields = field(default_factory=Fields)
    framing: object = None  # "chunked", a length, "close", or None without a body
    content: Body = field(default_factory=Body)

    @property
    def body(self):
        return self.content.bytes

    @property
    def arm(self):
        return self.fields.get("X-Arm")


class Client:
    """One connection, to a TCP port of this machine or a unix socket; `source` is the
    address it comes from."""

    def __init__(self, where, timeout=20, receive_buffer=None, source=None):
        family = socket.AF_INET if isinstance(where, int) else socket.AF_UNIX
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(timeout)
        if family == socket.AF_INET:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if source:
                self.sock.bind((source, 0))
            self.sock.connect(("127.0.0.1", where))
        else:
            self.sock.connect(str(where))
        self.reader = Reader(self.sock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def send(self, data, piece=None):
        """All of it at once, or in pieces of so many bytes."""
        if piece is None:
            self.sock.sendall(data)
            return
        for at in range(0, len(data), piece):
            self.sock.sendall(data[at : at + piece])

    def request(self, method="GET", target="/", fields=(), body=None, version="1.1", piece=None):
        """Sends a well-formed request and reads its response."""
        self.send(self.format(method, target, fields, body, version), piece)
        return self.read(method)

    @staticmethod
    def format(method="GET", target="/", fields=(), body=None, version="1.1"):
        pairs = list(fields.items() if isinstance(fields, dict) else fields)
        names = {n.lower() for n, _ in pairs}
        if "host" not in names and version == "1.1":
            pairs.insert(0, ("Host", "shop.example.com"))
        if body is not None and not names & {"content-length", "transfer-encoding"}:
            pairs.append(("Content-Length", str(len(body))))
        lines = [f"{method} {target} HTTP/{version}"] + [f"{n}: {v}" for n, v in pairs]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b"")

    def read(self, method="GET"):
        """The next final response to a request of that method."""
        interim = []
        while True:
            response = self.read_head()
            if response.status >= 200 or response.status == 101:
                break
            interim.append(response)
        response.interim = interim
        how = framing(response.fields)
        if method == "HEAD" or response.status in (101, 204, 304):
            if response.status in (101, 204) and how is not None:
                raise Malformed(f"{response.status} with {how}")
            return response
        if how == "chunked":
            if response.minor == 0:
                raise Malformed("chunked in HTTP/1.0")
            response.trailers = read_chunked(self.reader, response.content)
        elif how is None:
            how = "close"
            self.reader.to_end(response.content)
        else:
            self.reader.exactly(how, response.content)
        response.framing = how
        return response

    def read_head(self):
        """The head of the next response, interim or final, and nothing behind it."""
        first, fields = parse_head(self.reader.until(b"\r\n\r\n"))
        line = re.fullmatch(rb"HTTP/1\.([01]) (\d{3}) ([\t\x20-\xff]*)", first)
        if not line:
            raise Malformed(f"not a status line: {first!r}")
        return Response(int(line[2]), line[3].decode("latin-1"), int(line[1]), fields)

    def closed(self):
        """Whether the server ends the connection here without another byte."""
        try:
            return not self.reader.buffer and not self.reader.fill()
        except ConnectionResetError:
            return True

    def is_silent(self):
        """Whether nothing has come so far (and nothing is about to be read)."""
        self.sock.setblocking(False)
        try:
            return not self.reader.buffer and not self.sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        finally:
            self.sock.settimeout(20)


def exchange(port, data, method="GET", piece=None):
    """One request on a connection of its own; the response, or None where weir
    closed without one."""
    with Client(port) as client:
        piece = piece or len(data)
        try:
            for at in range(0, len(data), piece):
                client.send(data[at : at + piece])
                if select.select([client.sock], [], [], 0)[0]:
                    break  # answered already: no need of the rest
        except (BrokenPipeError, ConnectionResetError):
            pass
        try:
            return client.read(method)
        except (Ended, ConnectionResetError):
            return None


def ends_broken(client, target):
    """Whether the client can tell that the answer to a GET is not whole: its end is
    missing, or a 502 stands in its place."""
    try:
        return client.request(target=target).status == 502
    except (Ended, ConnectionResetError):
        return True
