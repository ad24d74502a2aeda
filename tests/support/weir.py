"""weir as a process under test: its configuration, its start and its end."""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from support.client import Client

ROOT = Path(__file__).resolve().parents[2]
SANITIZER_REPORT = re.compile(r"(Address|Leak|Thread|UndefinedBehavior)Sanitizer|runtime error:")


def binary():
    """The weir under test: WEIR_BIN, or the build with the sanitizers."""
    return os.environ.get("WEIR_BIN", str(ROOT / "build/dev/weir"))


def is_sanitized(program):
    with open(program, "rb") as file:
        return b"__asan_init" in file.read()


def section(heading, keys):
    """One section; a value that is a list is one line for each."""
    lines = [f"[{heading}]"]
    for key, value in keys.items():
        for one in value if isinstance(value, (list, tuple)) else [value]:
            lines.append(f"{key} = {one}")
    return "\n".join(lines) + "\n"


def settings(legacy, canary=None, *, listen=None, upstream=None, route=None, stages=None,
             rollout=None, rest=""):
    """A configuration with the route `shop` over two upstreams, v1 and v2. legacy,
    canary: an address, a list of them, or what has .address; the other arguments
    add keys to their sections; `stages` adds a rollout of that name."""

    def addresses(servers):
        servers = servers if isinstance(servers, (list, tuple)) else [servers]
        return [getattr(s, "address", s) for s in servers]

    text = section("listen web", {"address": "127.0.0.1:0", **(listen or {})})
    text += section("upstream v1", {"server": addresses(legacy), **(upstream or {})})
    keys = {"path": "/", "legacy": "v1"}
    if canary is not None:
        text += section("upstream v2", {"server": addresses(canary), **(upstream or {})})
        keys["canary"] = "v2"
        keys["sticky"] = "header:X-User-Id"
        keys["release"] = "r1"
    if stages:
        keys["rollout"] = "steps"
        text += section("rollout steps", {"stages": stages, **(rollout or {})})
    keys.update(route or {})
    if canary is not None and not {"rollout", "weight"} & keys.keys():
        keys["weight"] = "20%"
    return text + section("route shop", keys) + rest


def wait_for(what, predicate, timeout=10):
    """Asks until the answer is true, and returns it."""
    deadline = time.monotonic() + timeout
    while True:
        answer = predicate()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {timeout} s: {what}"
        time.sleep(0.01)


class Weir:
    """A running weir. Use stop() at the end: it asserts a clean exit."""

    def __init__(self, text, workers=2, weir=None, start=True, program=None, env=None,
                 state_dir=None):
        self.program = program or binary()
        self.env = env or {}
        self.dir = Path(tempfile.mkdtemp(prefix="weir-"))
        self.config = self.dir / "weir.ini"
        self.socket = self.dir / "admin.sock"
        self.state_dir = Path(state_dir or self.dir / "state")
        self.state_dir.mkdir(exist_ok=True)
        self._head = section("weir", {"workers": workers, "state_dir": self.state_dir,
                                      "admin_socket": self.socket, **(weir or {})})
        self.write(text)
        self.process = None
        self._news = threading.Condition()
        if start:
            try:
                self.start()
            except AssertionError:
                self.process.kill()
                shutil.rmtree(self.dir, ignore_errors=True)
                raise

    def write(self, text):
        self.config.write_text(self._head + text)

    def start(self):
        env = dict(os.environ, ASAN_OPTIONS="detect_leaks=1:detect_stack_use_after_return=1",
                   UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1",
                   TSAN_OPTIONS="halt_on_error=1", **self.env)
        self.process = subprocess.Popen([self.program, "run", str(self.config)], env=env,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True, errors="replace")
        self.lines = []
        self._reader = threading.Thread(target=self._read, args=(self.process.stderr, self.lines),
                                        daemon=True)
        self._reader.start()
        self.wait_line(r"\bready workers=")

    def _read(self, log, lines):
        for line in log:
            with self._news:
                lines.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            lines.append("(end of log)")
            self._news.notify_all()

    def wait_line(self, pattern, since=0, timeout=20):
        """Waits for a log line that matches; returns the match."""

        def found():
            for line in self.lines[since:]:
                match = re.search(pattern, line)
                if match:
                    return match
            return None

        with self._news:
            self._news.wait_for(lambda: found() or "(end of log)" in self.lines, timeout)
            match = found()
        assert match, f"no line {pattern!r} in the log:\n" + "\n".join(self.lines[-40:])
        return match

    def port_of(self, listen):
        return int(self.wait_line(rf"listening listen={listen} address=\S+:(\d+)")[1])

    @property
    def port(self):
        return self.port_of("web")

    @property
    def pid(self):
        return self.process.pid

    @property
    def log(self):
        return "\n".join(self.lines)

    def memory_kib(self, name):
        """VmHWM, VmRSS or RssAnon."""
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"^{name}:\s+(\d+) kB", text, re.M)[1])

    # The admin side.

    def admin(self, method, path):
        """The response of the admin socket."""
        with Client(self.socket) as client:
            return client.request(method, path, {"Host": "localhost", "Connection": "close"},
                                  body=b"" if method == "POST" else None)

    def status(self):
        response = self.admin("GET", "/status")
        assert response.status == 200, response.body
        return json.loads(response.body)

    def route(self, name="shop"):
        return next(r for r in self.status()["routes"] if r["name"] == name)

    def counted(self, requests, route="shop"):
        """The route, once so many requests are counted: an answer is counted when it
        has been sent, which may be after the client has read it."""

        def all_counted():
            found = self.route(route)
            seen = sum(arm["requests"] for arm in found["arms"].values() if arm)
            return found if seen >= requests else None

        return wait_for(f"{requests} requests to be counted", all_counted)

    def wait_route(self, what, predicate, timeout=20, route="shop"):
        """The route, once it is as asked."""

        def asked():
            found = self.route(route)
            return found if predicate(found) else None

        return wait_for(what, asked, timeout)

    def wait_state(self, state, timeout=20, route="shop"):
        return self.wait_route(state, lambda found: found["state"] == state, timeout, route)

    def metric(self, name):
        """The value of a metric without labels."""
        return float(re.search(rf"^{name} (\S+)$", self.metrics(), re.M)[1])

    def metrics(self):
        """The text of /metrics."""
        response = self.admin("GET", "/metrics")
        assert response.status == 200
        return response.body.decode()

    def cli(self, *args, check=True):
        """A command of weir that talks to this one."""
        done = run_weir(*args, "--socket", str(self.socket))
        assert not check or done.returncode == 0, done.stderr + done.stdout
        return done

    def journal(self, *options):
        """Its rows, once every decision so far is on disk."""
        if self.process and self.process.poll() is None:
            wait_for("decisions on disk", lambda: self.status()["store"]["pending"] == 0)
        done = run_weir("journal", "--json", "--state-dir", self.state_dir, *options)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def verify(self):
        """Asserts that nobody has changed the journal; returns what is said of it."""
        done = run_weir("journal", "--verify", "--state-dir", self.state_dir)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def reload(self, text=None):
        """Writes the configuration, where given, and reloads; asserts that it was taken."""
        if text is not None:
            self.write(text)
        self.cli("reload")

    def stop(self, expect=0):
        """Ends weir as an operator does, and asserts that nothing was wrong with it."""
        try:
            self._end(expect)
        finally:
            shutil.rmtree(self.dir, ignore_errors=True)

    def restart(self):
        """Ends it and starts it again, in the same directory."""
        self._end(0)
        self.start()

    def kill(self):
        """Ends it at this very instant."""
        self.process.kill()
        self.process.wait()
        self._reader.join(timeout=10)
        assert not SANITIZER_REPORT.search(self.log), self.log

    def _end(self, expect):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("weir did not end on SIGTERM:\n" + self.log) from None
        self._reader.join(timeout=10)
        assert not SANITIZER_REPORT.search(self.log), self.log
        assert code == expect, f"weir exited with {code}:\n{self.log}"


def run_weir(*args, timeout=60):
    """Runs a command of weir to its end."""
    done = subprocess.run([binary(), *map(str, args)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=timeout)
    assert not SANITIZER_REPORT.search(done.stderr), done.stderr
    return done
