"""Steady traffic from a fixed number of users over keep-alive connections.

    load = Load(port, users=100, rate=200, paths=["/", "/cart"], max_seconds=60)
    load.start() ... load.stop()

Requests are due at fixed instants, whatever became of those before. Bounded: it
ends by itself after max_seconds. Any thread may read .results while it runs.
"""
import http.client
import itertools
import random
import threading
import time
from collections import namedtuple

# `at` is the wall clock when the response was complete; status 0 and `error` where
# there was none. `arm` is what the upstream said in its X-Arm field.
Result = namedtuple("Result", "at user path status arm seconds error")


class Load:
    def __init__(self, port, users=100, rate=200, paths=("/",), max_seconds=60, host=None,
                 connections=16, headers=None, prefix="user"):
        self.port = port
        self.users = [f"{prefix}-{n}" for n in range(users)]
        self.rate = rate
        self.paths = list(paths)
        self.max_seconds = max_seconds
        self.headers = dict(headers or {})
        if host:
            self.headers["Host"] = host
        self.results = []
        self._news = threading.Condition()
        self._next = itertools.count()
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True)
                         for _ in range(connections)]

    def start(self):
        self._start = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def stop(self):
        """Lets what is in flight finish; returns all results."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=60)
        return self.results

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def wait(self, count, timeout=60):
        """Waits until `count` more responses came; returns these."""
        with self._news:
            start = len(self.results)
            enough = self._news.wait_for(lambda: len(self.results) >= start + count, timeout)
            assert enough, f"{len(self.results) - start} of {count} responses in {timeout} s"
            return self.results[start:]

    def failed(self):
        return [r for r in self.results if r.status == 0 or r.status >= 500]

    def _run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        while True:
            number = next(self._next)
            due = number / self.rate
            left = self._start + due - time.monotonic()
            if due > self.max_seconds or self._stopping.wait(max(0, left)):
                break
            result = self._request(connection, number)
            with self._news:
                self.results.append(result)
                self._news.notify_all()
        connection.close()

    def _request(self, connection, number):
        chance = random.Random(number)  # the same users and paths in every run
        user = chance.choice(self.users)
        path = chance.choice(self.paths)
        start = time.monotonic()
        status, arm, error = 0, None, None
        try:
            connection.request("GET", path, headers={"X-User-Id": user, **self.headers})
            response = connection.getresponse()
            arm = response.headers.get("X-Arm")
            response.read()
            status = response.status
        except (OSError, http.client.HTTPException) as problem:
            error = repr(problem)
            connection.close()
        return Result(time.time(), user, path, status, arm, time.monotonic() - start, error)
