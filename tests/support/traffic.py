"""Requests one after the other to a weir that is killed and started again meanwhile.

    with Traffic(users) as traffic:
        traffic.go(running.port)      # to this port from now on
        seen = traffic.wait(100)      # so many more answers
        traffic.rest()                # none is under way, and none is sent
"""
import threading
from collections import namedtuple

from support.client import Client
from support.wire import Ended, Malformed

Seen = namedtuple("Seen", "user status arm")


class Traffic:
    def __init__(self, users, pause_s=0.002):
        self._users = users
        self._pause_s = pause_s
        self._news = threading.Condition()
        self._port = None
        self._resting = True
        self._stopping = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.seen = []

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        with self._news:
            self._stopping = True
            self._news.notify_all()
        self._thread.join(timeout=30)

    def go(self, port):
        with self._news:
            self._port = port
            self._news.notify_all()

    def rest(self):
        with self._news:
            self._port = None
            self._news.notify_all()
            assert self._news.wait_for(lambda: self._resting, 30)

    def wait(self, count, timeout=30):
        with self._news:
            start = len(self.seen)
            enough = self._news.wait_for(lambda: len(self.seen) >= start + count, timeout)
            assert enough, f"{len(self.seen) - start} of {count} answers"
            return self.seen[start:]

    def wait_until(self, enough, timeout=30):
        """Until the answers that come from now on are enough; returns these."""
        with self._news:
            start = len(self.seen)
            assert self._news.wait_for(lambda: enough(self.seen[start:]), timeout)
            return self.seen[start:]

    def _run(self):
        client, port, number = None, None, 0
        while True:
            with self._news:
                self._resting = self._port is None
                self._news.notify_all()
                self._news.wait_for(lambda: self._stopping or self._port is not None)
                if self._stopping:
                    break
                self._resting = False
                if client is not None and port != self._port:
                    client.close()
                    client = None
                port = self._port
            client = self._ask(client, port, self._users[number % len(self._users)])
            number += 1
            with self._news:
                self._news.wait_for(lambda: self._stopping, self._pause_s)
        if client is not None:
            client.close()

    def _ask(self, client, port, user):
        try:
            client = client or Client(port)
            response = client.request(fields={"X-User-Id": user})
        except (OSError, Ended, Malformed):  # killed
            if client is not None:
                client.close()
            return None
        with self._news:
            self.seen.append(Seen(user, response.status, response.arm))
            self._news.notify_all()
        return client
