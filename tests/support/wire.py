"""HTTP/1 as bytes, read strictly: whatever weir sends that RFC 9112 does not allow
a sender to send raises Malformed. The raw client and the scriptable upstream read
with the same eyes."""
import hashlib
import re

TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
BODY_KEPT = 8 << 20  # longer bodies leave their length and hash only
HEAD_CAP = 1 << 20


class Malformed(Exception):
    pass


class Ended(Exception):
    """The peer closed where more was due; .got is what had come."""

    def __init__(self, got=b""):
        super().__init__(f"closed after {got[:200]!r}")
        self.got = got


class Fields(list):
    """Header fields in order, as (name, value) pairs of str."""

    def all(self, name):
        return [v for n, v in self if n.lower() == name.lower()]

    def get(self, name, default=None):
        """The one value of a field that may occur once."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} occurs {len(values)} times: {values}"
        return values[0] if values else default

    def elements(self, name):
        """A comma-separated list field, its lines joined."""
        return [e.strip() for e in ",".join(self.all(name)).split(",") if e.strip()]


class Body:
    """Bytes received: kept while few, else counted and hashed."""

    def __init__(self):
        self.length = 0
        self._sha256 = hashlib.sha256()
        self._kept = []

    def add(self, data):
        self.length += len(data)
        self._sha256.update(data)
        if self._kept is not None:
            self._kept.append(bytes(data))
            if self.length > BODY_KEPT:
                self._kept = None

    @property
    def sha256(self):
        return self._sha256.hexdigest()

    @property
    def bytes(self):
        assert self._kept is not None, "the body is too long to be kept"
        return b"".join(self._kept)


class Reader:
    """Takes exact pieces from a socket; .taken is what was consumed since mark()."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = bytearray()
        self.taken = None

    def mark(self):
        self.taken = bytearray()

    def fill(self, size=65536):
        """More bytes into the buffer; False at the end of the stream."""
        data = self.sock.recv(size)
        self.buffer += data
        return bool(data)

    def take(self, count):
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        if self.taken is not None and len(self.taken) < BODY_KEPT:
            self.taken += data
        return data

    def until(self, end, cap=HEAD_CAP):
        while True:
            at = self.buffer.find(end)
            if at >= 0:
                return self.take(at + len(end))
            if len(self.buffer) > cap:
                raise Malformed(f"no {end!r} in {cap} bytes")
            if not self.fill():
                raise Ended(bytes(self.buffer))

    def exactly(self, count, body):
        while count:
            if not self.buffer and not self.fill(min(count, 1 << 18) if count > 65536 else 65536):
                raise Ended()
            piece = self.take(min(count, len(self.buffer)))
            body.add(piece)
            count -= len(piece)

    def to_end(self, body):
        while True:
            if self.buffer:
                body.add(self.take(len(self.buffer)))
            if not self.fill(1 << 18):
                return


def parse_head(head):
    """The first line and the fields of a head that ends with an empty line."""
    if b"\0" in head or b"\r" in head.replace(b"\r\n", b"") or b"\n" in head.replace(b"\r\n", b""):
        raise Malformed(f"bare CR or LF, or NUL: {head!r}")
    first, *lines = head[:-4].split(b"\r\n")
    fields = Fields()
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.match(name):
            raise Malformed(f"not a field: {line!r}")
        fields.append((name.decode(), value.strip(b" \t").decode("latin-1")))
    return first, fields


def framing(fields):
    """"chunked", a length, or None; refuses what may be read in two ways."""
    lengths = fields.all("Content-Length")
    codings = fields.all("Transfer-Encoding")
    if len(lengths) > 1 or len(codings) > 1 or (lengths and codings):
        raise Malformed(f"ambiguous framing: {lengths} {codings}")
    if codings:
        if codings[0].lower() != "chunked":
            raise Malformed(f"Transfer-Encoding: {codings[0]}")
        return "chunked"
    if lengths:
        if not re.fullmatch(r"\d{1,19}", lengths[0]):
            raise Malformed(f"Content-Length: {lengths[0]}")
        return int(lengths[0])
    return None


def read_chunked(reader, body):
    """Reads chunks into the body and returns the trailer fields."""
    while True:
        line = reader.until(b"\r\n", 1024)
        if not re.fullmatch(rb"[0-9a-fA-F]{1,16}\r\n", line):
            raise Malformed(f"chunk size {line!r}")
        size = int(line, 16)
        if size == 0:
            break
        reader.exactly(size, body)
        if reader.until(b"\r\n", 2) != b"\r\n":
            raise Malformed("a chunk is longer than its size")
    trailer = b""
    while not trailer.endswith(b"\r\n\r\n") and trailer != b"\r\n":
        trailer += reader.until(b"\r\n")
    return parse_head(b"trailer\r\n" + trailer)[1] if trailer != b"\r\n" else Fields()


def chunked(pieces):
    """The pieces as a chunked body, one chunk each."""
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces if p) + b"0\r\n\r\n"
