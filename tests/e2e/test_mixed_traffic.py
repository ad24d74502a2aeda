"""All kinds of exchanges at once, in random pieces: each answer is its own request's."""
import random
import threading

import pytest

from support.client import Client
from support.upstream import Reply
from support.weir import settings
from support.wire import chunked

SECONDS_AT_MOST = 60
NOISE = random.Random(5).randbytes(1 << 20)


def content(n, size):
    """A body that is no other exchange's."""
    return (b"%06d|" % n + NOISE)[:size]


def answer(request):
    """What the target asks for: /KIND/NUMBER/SIZE."""
    _, kind, n, size = request.path.split("/")
    n, body = int(n), content(int(n), int(size))
    fields = (("X-Number", str(n)),)
    if request.method != "GET" and request.method != "HEAD" and request.content.length:
        assert request.body == content(n, request.content.length), "a body of another request"
    if kind == "chunked":
        half = len(body) // 2
        return Reply(body=b"", pieces=(body[:half], body[half:]), framing="chunked", fields=fields,
                     trailers=(("X-Sum", str(n)),))
    if kind == "close":
        return Reply(body=body, framing="close", fields=fields, close=request.method == "HEAD")
    if kind == "bye":
        return Reply(body=body, fields=fields, close_silently=True)
    if kind == "hints":
        return Reply(body=body, fields=fields, interim=(b"HTTP/1.1 103 Early Hints\r\nX-Number: %d\r\n\r\n" % n,))
    if kind == "none":
        return Reply(304, fields=fields)
    return Reply(body=body, fields=fields)


class Talker:
    """One client after the other, each with a few pipelined requests of random kinds."""

    SIZES = (0, 1, 100, 4000, 16384, 65536, 131072, 200_000, 700_000)

    def __init__(self, port, seed, servers_close):
        # A long upload cannot be repeated where the server closed its connection.
        self.servers_close = servers_close
        self.kinds = ["bye"] if servers_close else ["length"]
        self.uploads = self.SIZES[: 5 if servers_close else 7]
        self.port, self.random, self.seed, self.n = port, random.Random(seed), seed, seed * 10_000
        self.exchanges = 0

    def one(self):
        """A request's bytes, and what its answer must be."""
        self.n += 1
        kind = self.random.choice(["length"] * 3 + ["chunked"] * 3 + ["close", "hints", "none"] + self.kinds)
        method = self.random.choice(["GET", "GET", "HEAD", "PUT", "PUT"])
        size = self.random.choice(self.SIZES)
        target = f"/{kind}/{self.n}/{size}"
        if method != "PUT":
            return Client.format(method, target), method, kind, self.n, size
        body = content(self.n, self.random.choice(self.uploads))
        if self.random.random() < 0.5:
            return Client.format("PUT", target, body=body), method, kind, self.n, size
        cut = self.random.randrange(len(body) + 1)
        data = chunked([body[:cut], body[cut:]])[:-2]
        data += b"X-Sum: 1\r\n" * (not self.servers_close) + b"\r\n"
        return Client.format("PUT", target, {"Transfer-Encoding": "chunked"}, data), method, kind, self.n, size

    def send(self, client, data):
        while data:
            size = self.random.choice((1, 7, 100, 1448, 20_000, 1 << 20))
            client.send(data[:size])
            data = data[size:]
            if len(data) < 50 and self.random.random() < 0.5:
                client.send(data)
                return

    def check(self, response, method, kind, n, size):
        assert response.status == (304 if kind == "none" else 200), (method, kind, n, size, response.body[:80])
        assert response.fields.get("X-Number") == str(n)
        if method != "HEAD" and kind != "none":
            assert response.body == content(n, size)
            if kind == "chunked":
                assert response.trailers == [("X-Sum", str(n))]
        if kind == "hints":
            assert [i.fields.get("X-Number") for i in response.interim] == [str(n)]
        self.exchanges += 1

    def conversation(self):
        batch = [self.one() for _ in range(self.random.randrange(1, 6))]
        leaves = self.random.random() < 0.15
        buffer = self.random.choice((None, 8192))
        with Client(self.port, receive_buffer=buffer, timeout=SECONDS_AT_MOST) as client:
            sender = threading.Thread(target=self.quietly, args=(client, b"".join(b[0] for b in batch), leaves))
            sender.start()
            try:
                for _, *expected in batch:
                    self.check(client.read(expected[0]), *expected)
                    if leaves:
                        return
            finally:
                if leaves:
                    client.sock.shutdown(2)
                sender.join()

    def quietly(self, client, data, leaves):
        try:
            self.send(client, data)
        except OSError:
            assert leaves


@pytest.mark.parametrize("seed", range(4))
def test_every_answer_is_its_own_requests_whatever_else_goes_on(upstream, weir, seed):
    legacy, canary = upstream("legacy"), upstream("canary")
    for one in (legacy, canary):
        one.on(lambda request: True, answer)
    running = weir(settings([legacy], canary, route={"weight": "50%", "sticky": "issue:id"}), workers=1 + seed % 2)
    talkers = [Talker(running.port, seed * 10 + n + 1, seed % 4 < 2) for n in range(6)]
    problems = []

    def talks(talker):
        try:
            for _ in range(12):
                talker.conversation()
        except Exception as error:  # pylint: disable=broad-except
            problems.append(f"talker {talker.seed}, up to exchange {talker.n}: {error!r}")

    threads = [threading.Thread(target=talks, args=(t,)) for t in talkers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, "\n".join(problems)
    assert sum(t.exchanges for t in talkers) > 100
    with Client(running.port) as client:
        assert client.request(target="/length/1/10").body == content(1, 10)
