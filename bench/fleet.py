"""The processes of one part of the benchmark: the proxies, and both their ends, which are
one more. A proxy is one process, or one worker, on core 0; all else is on core 1."""
import json
import os
import re
import resource
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from programs import build  # noqa: E402 (the path comes first)
from proxies import PROXIES  # noqa: E402
from support.servers import free_port  # noqa: E402

PROXY_CORE, LOAD_CORE = 0, 1
START_S, STOP_S = 60, 20
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
RUN_S = 240


class Process:
    """Something that listens on a port of 127.0.0.1, on one core; talks: by its input and
    output, which goes to a file otherwise."""

    def __init__(self, folder, port, command, core, talks=False):
        folder.mkdir(parents=True, exist_ok=True)
        self.port, self.output = port, folder / "output.log"
        with open(self.output, "wb") as log:
            self.process = subprocess.Popen(
                ["taskset", "-c", str(core), *map(str, command)], cwd=ROOT, stderr=log,
                stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
                stdout=subprocess.PIPE if talks else log)
        deadline = time.monotonic() + START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                ended = self.process.poll() is not None
                if ended or time.monotonic() > deadline:
                    self.stop()
                    sys.exit(f"bench: {command[0]} did not start: {self.text()}")
                time.sleep(0.02)

    def text(self):
        return self.output.read_text(errors="replace")[-2000:]

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Ends:
    """The origins behind the proxies, and the load before them (ends.c)."""

    def __init__(self, program, folder, setup):
        self.ports = [free_port() for _ in ("legacy", "canary")]
        origins = [word for port, arm in zip(self.ports, ("legacy", "canary"))
                   for word in (port, arm, setup.body_bytes, len(setup.addresses()))]
        self.process = Process(folder / "ends", self.ports[-1], [program, *origins],
                               LOAD_CORE, talks=True)

    def run(self, name, port, *arguments):
        """A run of the load to its end; what it printed."""
        words = " ".join(map(str, ("--port", port, *arguments)))
        pipes = self.process.process
        pipes.stdin.write(words.encode() + b"\n")
        pipes.stdin.flush()
        told = select.select([pipes.stdout], [], [], RUN_S)[0] and pipes.stdout.readline()
        if not told:
            sys.exit(f"bench: {name}: {self.process.text().strip() or 'no end'} ({words})")
        return json.loads(told)


class Proxy:
    def __init__(self, name, process, ends):
        self.name, self.process, self.port, self.ends = name, process, process.port, ends

    def load(self, *arguments):
        """Both ends at work on it; what the load saw."""
        return self.ends.run(self.name, self.port, *arguments)

    def pids(self):
        """The process, and nginx's worker."""
        pid = self.process.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def tasks(self):
        """Nanoseconds on the CPU so far, by thread."""
        return {int(task.name): int((task / "schedstat").read_text().split()[0])
                for pid in self.pids() for task in Path(f"/proc/{pid}/task").iterdir()}

    def worker(self):
        """The thread that carries the traffic: the busiest by far."""
        tasks = self.tasks()
        return max(tasks, key=tasks.get)

    def cpu(self):
        """Seconds on the CPU so far; then, in ticks only, its user and its kernel part."""
        user = system = 0.0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            user += int(fields[11]) * TICK_S
            system += int(fields[12]) * TICK_S
        return sum(self.tasks().values()) / 1e9, user, system

    def memory(self):
        """Bytes of memory of its own: not the kernel's, not of files."""
        return sum(int(re.search(r"^RssAnon:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(),
                                 re.M)[1]) * 1024 for pid in self.pids())


class Workshop:
    """Where a run keeps its files and builds its tools; starts fleets."""

    def __init__(self, folder, weir):
        self.folder, self.weir, self.fleets = Path(folder), weir, 0
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        os.sched_setaffinity(0, {LOAD_CORE})
        self.ends = build("ends", self.folder)

    def version(self, name):
        done = subprocess.run([w.replace("@WEIR@", self.weir) for w in PROXIES[name][2]],
                              capture_output=True, text=True, cwd=ROOT, timeout=20)
        found = re.search(r"\d+\.\d+[\w.]*", done.stdout + done.stderr)
        return found[0] if found else "?"

    def connections(self, wished):
        """As many as a proxy has files for: two each, and some of its own."""
        return min(wished, (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 1000) // 2)

    def fleet(self, names, setup):
        self.fleets += 1
        return Fleet(self, self.folder / str(self.fleets), names, setup)


class Fleet:
    """The proxies and both their ends, as a context: they end with it."""

    def __init__(self, workshop, folder, names, setup):
        self.workshop, self.folder, self.names, self.setup = workshop, folder, names, setup
        self.processes, self.ends, self.proxies = [], None, []

    def __enter__(self):
        try:
            self.ends = Ends(self.workshop.ends, self.folder, self.setup)
            self.processes.append(self.ends.process)
            self.proxies = [self.start(name) for name in self.names]
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *problem):
        self.stop()

    def start(self, name, under=(), alone=False, weir=None):
        """A proxy, under a tool where one is given; alone: in one process; weir: another."""
        folder, port = self.folder / f"{name}{len(self.processes)}", free_port()
        folder.mkdir(parents=True)
        make, command, _ = PROXIES[name]
        config = make(self.setup, self.ends.ports, folder, alone)
        (folder / "config").write_text(config.replace("@PORT@", str(port))
                                       .replace("@DIR@", str(folder)))
        words = [w.replace("@FILE@", str(folder / "config"))
                 .replace("@WEIR@", weir or self.workshop.weir) for w in command]
        self.processes.append(Process(folder, port, [*under, *words], PROXY_CORE))
        return Proxy(name, self.processes[-1], self.ends)

    def stop(self):
        for process in reversed(self.processes):
            process.stop()
        self.processes = []
