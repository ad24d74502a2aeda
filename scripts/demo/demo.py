"""The main job, to watch: two versions of a small shop, weir before them, a hundred
users, a canary that begins to fail, and weir taking the traffic back.

    demo.py [--config FILE] [--weir BINARY] [--once]

--once ends after the rollback instead of serving on.
"""
import argparse
import ctypes
import datetime
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from load import Load  # noqa: E402 (the path comes first)

ROOT = Path(__file__).resolve().parents[2]
LOG_DIR = ROOT / "build/demo"
USERS, RATE = 100, 200
ARMS = ("legacy", "canary")
PATHS = ["/", "/cart", "/orders/{}"]
FAIL_PATH, FAIL_SHARE = "/orders", 30
PATIENCE = 25  # seconds to wait for the next thing to happen
AFTER = 4  # seconds to look at the quiet afterwards


class Trouble(Exception):
    """What ends the demo, in words for a person."""


def say(text=""):
    print(text, flush=True)


class Settings:
    """What the demo needs to know of weir's configuration."""

    def __init__(self, path):
        self.path = path
        sections = {}
        for line in Path(path).read_text().splitlines():
            line = line.split(" ;")[0].strip()
            if line.startswith("["):
                keys = sections.setdefault(line.strip("[]"), {})
            elif "=" in line and line[0] not in "#;":
                key, _, value = line.partition("=")
                keys.setdefault(key.strip(), value.strip())
        weir = sections["weir"]
        self.state_dir = ROOT / Path(path).parent / weir["state_dir"]
        self.addresses = {"admin_listen": weir["admin_listen"]}
        for name, keys in sections.items():
            kind = name.split(" ")[0]
            if kind == "listen":
                self.addresses["listen"] = keys["address"]
            elif kind == "route":
                self.route = name.split(" ", 1)[1]
                self.versions = [keys["legacy"], keys["canary"]]
        for version in self.versions:
            self.addresses[version] = sections[f"upstream {version}"]["server"]

    def port(self, name):
        return int(self.addresses[name].rpartition(":")[2])

    def check_ports(self):
        busy = []
        for name, address in self.addresses.items():
            with socket.socket() as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    sock.bind(("127.0.0.1", self.port(name)))
                except OSError:
                    busy.append(f"{address} ({name})")
        if busy:
            raise Trouble(f"in use already: {', '.join(busy)}. Stop what listens there, "
                          f"or change the addresses in {self.path}.")


class Processes:
    """Children that end with this process, however it ends."""

    def __init__(self):
        self.running = []
        LOG_DIR.mkdir(parents=True, exist_ok=True)

    def start(self, name, *command):
        libc = ctypes.CDLL(None)
        with open(LOG_DIR / f"{name}.log", "wb") as log:
            process = subprocess.Popen(
                [str(c) for c in command], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True,
                preexec_fn=lambda: libc.prctl(1, signal.SIGTERM))  # PR_SET_PDEATHSIG
        self.running.append((name, process))

    def check(self):
        for name, process in self.running:
            if process.poll() is not None:
                log = LOG_DIR / f"{name}.log"
                raise Trouble(f"{name} ended with {process.returncode}; the end of {log}:\n"
                              + "".join(log.read_text(errors="replace").splitlines(True)[-8:]))

    def stop(self):
        for _, process in reversed(self.running):
            if process.poll() is None:
                process.terminate()
        for _, process in self.running:
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Demo:
    def __init__(self, settings, processes):
        self.settings = settings
        self.processes = processes
        self.load = None
        self.acted = 0.0  # wall clock of the rollback
        self.next_line = 0.0
        self.began = time.monotonic()

    def get(self, name, path, method="GET"):
        url = f"http://127.0.0.1:{self.settings.port(name)}{path}"
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=5) as r:
            return r.read()

    def start(self, weir):
        self.weir = weir
        legacy, canary = self.settings.versions
        service = Path(__file__).with_name("service.py")
        for version in (legacy, canary):
            self.processes.start(version, "/usr/bin/python3", "-B", service, version,
                                 self.settings.port(version))
        self.wait_port(legacy)
        self.wait_port(canary)
        self.processes.start("weir", weir, "run", self.settings.path)
        self.wait_port("listen")
        self.wait_port("admin_listen")
        paths = [p.format(n) for p in PATHS for n in range(7)]
        self.load = Load(self.settings.port("listen"), USERS, RATE, paths, max_seconds=24 * 3600)
        self.load.start()

    def wait_port(self, name):
        deadline = time.monotonic() + 10
        while True:
            self.processes.check()
            try:
                socket.create_connection(("127.0.0.1", self.settings.port(name)), 1).close()
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise Trouble(f"nothing listens at {self.settings.addresses[name]}") from None
                time.sleep(0.05)

    def route(self):
        status = json.loads(self.get("admin_listen", "/status"))
        return next(r for r in status["routes"] if r["name"] == self.settings.route)

    def watch(self, until, seconds=PATIENCE):
        """A line a second until the route is as asked; None where it never was."""
        end = time.monotonic() + seconds
        while True:
            self.processes.check()
            route = self.route()
            now = time.monotonic()
            done = until(route)
            if now >= self.next_line or done:
                self.print_line(route)
                self.next_line = now + 1
            if done or now > end:
                return route if done else None
            time.sleep(0.05)

    def print_header(self):
        arms = "".join(f" |{a:>10}: {v:<18}" for a, v in zip(ARMS, self.settings.versions))
        say(f"{'':13}{arms} | evidence E,")
        arms = f" |{'requests':>9}{'failed':>7}{'p50':>7}{'p99':>7}" * 2
        say(f"{'time':>5}{'weight':>8}{arms} | rolls back at")

    def print_line(self, route):
        text = f"{time.monotonic() - self.began:4.0f}s{route['weight']:>8}"
        for name in ARMS:
            arm = route["arms"].get(name) or {}
            times = ["-" if arm.get(p) is None else f"{arm[p]:.1f}ms" for p in ("p50_ms", "p99_ms")]
            text += (f" |{arm.get('requests', 0):>9}{arm.get('failures', 0):>7}"
                     f"{times[0]:>7}{times[1]:>7}")
        say(f"{text} |{number(route['evidence']['e']):>7}{route['evidence']['threshold']:>7.0f}")

    def decisions(self):
        """The journal's rows for the route."""
        lines = subprocess.run([self.weir, "journal", "--json", "--route", self.settings.route,
                                "--state-dir", self.settings.state_dir], text=True,
                               stdout=subprocess.PIPE, check=True).stdout.splitlines()
        return [json.loads(line) for line in lines]

    def show(self):
        """The ramp, the failure and the rollback."""
        first = self.route()["weight_ppm"]
        legacy, canary = self.settings.versions
        say(f"weir splits {USERS} users at {RATE} requests/s: legacy is {legacy}, "
            f"the canary is {canary}.\n")
        self.print_header()
        if not self.watch(lambda r: r["weight_ppm"] > first):
            raise Trouble(f"the canary stayed at {first / 1e4:g}%")
        self.watch(lambda r: False, seconds=4)

        before = len(self.load.results)
        self.get(canary, f"/demo/fail?path={FAIL_PATH}&share={FAIL_SHARE}", "POST")
        say(f"\nnow {canary} fails {FAIL_SHARE}% of {FAIL_PATH}; {legacy} does not\n")
        self.print_header()
        if not self.watch(lambda r: r["state"] == "rolled_back"):
            raise Trouble("the canary was not rolled back")
        self.report(self.load.results[before:])
        self.watch(lambda r: False, seconds=AFTER)

    def report(self, results):
        # It is decided first, and written then.
        rows = []
        while not rows:
            self.processes.check()
            rows = [r for r in self.decisions() if r["action"] == "rollback"]
        row = rows[-1]
        at = datetime.datetime.fromisoformat(row["time"].replace("Z", "+00:00"))
        self.acted = at.timestamp()
        failed = [r for r in results if r.status == 0 or r.status >= 500]
        why = textwrap.fill(row["reason"], 90, subsequent_indent=" " * 14)
        took = f"{self.acted - failed[0].at:.2f} s" if failed else "-"
        say(f"""
ROLLED BACK   by {row['who']}: canary weight {row['from']['weight_ppm'] / 1e4:g}% -> 0
  why         {why}
  evidence    E = {number(row['evidence']['e'])}
  leaked      {len(failed)} failed requests, of {len(results)} since {self.settings.versions[1]} broke
  took        {took} from the first failure to the rollback
""")

    def serve_on(self):
        legacy, canary = self.settings.versions
        weir, admin = (self.settings.addresses[n] for n in ("listen", "admin_listen"))
        # What was under way at the rollback may still have failed: 0.1 s for that.
        since = [r for r in self.load.results if r.at > self.acted + 0.1]
        failed = len([r for r in since if r.status == 0 or r.status >= 500])
        say(f"""
{failed} of {len(since)} requests failed since the rollback. The traffic goes on; try:

  curl -H 'X-User-Id: alice' http://{weir}/orders/7
  curl http://{admin}/status
  curl http://{admin}/metrics
  build/release/weir status --config {self.settings.path}
  curl -X POST http://{self.settings.addresses[canary]}/demo/heal        # mend {canary}, then
  build/release/weir resume {self.settings.route} --config {self.settings.path}

Decisions appear here. Ctrl-C ends all of it.""")
        seen = len(self.decisions())
        while True:
            time.sleep(0.5)
            self.processes.check()
            # Results of hours would fill the memory.
            del self.load.results[:-10000]
            rows = self.decisions()
            for row in rows[seen:]:
                say(f"{row['time']} {row['who']}: {row['action']}, weight "
                    f"{row['to']['weight_ppm'] / 1e4:g}%: {row['reason']}")
            seen = len(rows)


def number(value):
    return f"{value:.2f}" if value < 1000 else f"{value:.2g}"


def main():
    options = argparse.ArgumentParser(prog="demo.py")
    options.add_argument("--config", default="conf/quickstart.ini")
    options.add_argument("--weir", default="build/release/weir")
    options.add_argument("--once", action="store_true")
    options = options.parse_args()
    os.chdir(ROOT)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's & ignores it
    processes = Processes()
    demo = None
    try:
        settings = Settings(options.config)
        settings.check_ports()
        # A demo starts afresh: what an earlier one decided is not its business.
        if (ROOT / "build") in settings.state_dir.resolve().parents:
            shutil.rmtree(settings.state_dir, ignore_errors=True)
            settings.state_dir.mkdir(parents=True)
        demo = Demo(settings, processes)
        demo.start(options.weir)
        demo.show()
        if not options.once:
            demo.serve_on()
        return 0
    except Trouble as trouble:
        print(f"demo: {trouble}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("\nended")
        return 0
    finally:
        if demo and demo.load:
            demo.load.stop()
        processes.stop()


sys.exit(main())
