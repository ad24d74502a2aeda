"""The parts of the benchmark. Each takes a Run and notes samples in it, by figure and
proxy; what is compared is measured in rounds, A B C A B C, so that a slow minute of the
machine hits all alike, and ratios are taken within a round."""
import contextlib
import re
import signal
import subprocess
import time

from fleet import ROOT
from proxies import Setup

SPLIT_WEIGHT = 0.10
MIB, GIB = 1 << 20, 1 << 30
GROWTH_WARM, GROWTH_WARM_QUICK = 100000, 2000  # requests: every user and route once
GROWTH_WARM_ROUTE = 125  # of each route: of the 90% legacy's, enough to freeze thresholds
SHORT_PARTS = 3  # of a round
GROWTH_REST_S = 75  # weir settles those after a minute


class Run:
    """The options, and what was measured: samples[figure][proxy] is a list, one a round."""

    def __init__(self, workshop, names, options):
        self.workshop, self.names, self.options = workshop, names, options
        self.samples = {}

    def note(self, figure, name, value):
        self.samples.setdefault(figure, {}).setdefault(name, []).append(value)

    def say(self, text):
        print(text, flush=True)

    def rounds(self, fleet, measure):
        for turn in range(self.options.rounds):
            told = [f"{proxy.name} {measure(proxy)}" for proxy in fleet.proxies]
            self.say(f"  round {turn + 1}: " + ", ".join(told))

    def cost(self, proxy, *load, part=1):
        """What the load printed, with the CPU seconds that it cost the proxy; in so small a
        part of a round's time."""
        seconds = self.options.seconds / part
        proxy.load(*load, "--seconds", min(0.3, seconds))  # pools are warm
        before = proxy.cpu()
        result = proxy.load(*load, "--seconds", seconds)
        exact, user, system = (b - a for a, b in zip(before, proxy.cpu()))
        user_share = user / (user + system) if user + system else 0.0
        return {**result, "cpu_s": exact, "user_s": exact * user_share,
                "us": exact / result["requests"] * 1e6,
                "user_us": exact * user_share / result["requests"] * 1e6,
                "per_s": result["requests"] / result["seconds"],
                "busy": exact / result["seconds"]}


def saturated(run, key, setup, *load):
    with run.workshop.fleet(run.names, setup) as fleet:
        def measure(proxy):
            found = run.cost(proxy, "--connections", run.options.connections, *load)
            for kind in ("us", "user_us", "per_s", "busy"):
                run.note(f"{key}_{kind}", proxy.name, found[kind])
            return f"{found['us']:.2f} us ({found['busy']:.0%} busy)"

        run.rounds(fleet, measure)


def small(run):
    saturated(run, "small", Setup())


def large(run):
    saturated(run, "large", Setup(body_bytes=10240))


def connections(run):
    saturated(run, "new", Setup(), "--close")


def rate(run):
    with run.workshop.fleet(run.names, Setup()) as fleet:
        def measure(proxy):
            found = run.cost(proxy, "--connections", run.options.connections, "--rate",
                             run.options.rate, *(["--sleeps"] if run.options.sleeps else []))
            for kind in ("us", "busy", "p50_us", "p99_us", "p999_us"):
                run.note(f"rate_{kind}", proxy.name, found[kind])
            return f"{found['us']:.2f} us, p99 {found['p99_us']:.0f} us"

        run.rounds(fleet, measure)


def bodies(run):
    setup = Setup(body_bytes=1 << 20, splice=True)
    with run.workshop.fleet(run.names, setup) as fleet:
        def measure(proxy):
            found = run.cost(proxy, "--connections", 16)
            gib = found["requests"] * setup.body_bytes / GIB
            run.note("body_s", proxy.name, found["cpu_s"] / gib)
            run.note("body_rate", proxy.name, gib / found["seconds"])
            run.note("body_busy", proxy.name, found["busy"])
            return f"{found['cpu_s'] / gib:.3f} s/GiB ({found['busy']:.0%} busy)"

        run.rounds(fleet, measure)


def there_and_back(run, proxies, loads):
    """The cost of a request of each, round by round: short rounds, and more of them, so that
    what is compared lies within a second or two, and a machine that slows down favours none."""
    for turn in range(run.options.rounds * SHORT_PARTS):
        order = range(len(proxies))[:: -1 if turn % 2 else 1]
        took = {n: run.cost(proxies[n], "--connections", run.options.connections, *loads[n],
                            part=SHORT_PARTS)["us"] for n in order}
        yield turn, [took[n] for n in range(len(proxies))]


def growth(run, key, names, variants, load):
    """The cost of each variant over that of the first, paired, for each proxy by itself;
    what is allocated when a route is first used is counted as memory, not as time."""
    for name in names:
        with contextlib.ExitStack() as stack:
            proxies = [stack.enter_context(run.workshop.fleet([name], setup)).proxies[0]
                       for _, setup in variants]
            for (label, setup), proxy in zip(variants, proxies):
                warm = max(GROWTH_WARM, GROWTH_WARM_ROUTE * setup.routes)
                proxy.load(*load(setup), "--seconds", 60, "--requests",
                           GROWTH_WARM_QUICK if run.options.quick else warm)
            if name == "weir" and not run.options.quick:
                time.sleep(GROWTH_REST_S)
            for (label, setup), proxy in zip(variants, proxies):
                run.note(f"{key}_{label}_mib", name, proxy.memory() / MIB)
            loads = [load(setup) for _, setup in variants]
            for turn, costs in there_and_back(run, proxies, loads):
                for n, ((label, _), us) in enumerate(zip(variants, costs)):
                    run.note(f"{key}_{label}_us", name, us)
                    if n > 0:
                        run.note(f"{key}_{label}", name, us / costs[0])
                run.say(f"  round {turn + 1}: {name}: " + ", ".join(
                    f"{label} {us:.2f} us" for (label, _), us in zip(variants, costs)))


def routes(run):
    counts = (1, 100) if run.options.quick else (1, 100, 10000)
    growth(run, "routes", run.names, [(n, Setup(routes=n)) for n in counts],
           lambda setup: ["--hosts", setup.routes])


def classes(run):
    """The same requests for 64 paths, in one path class, in 64, in those that weir finds."""
    variants = [(label, Setup(classes=n, paths=64))
                for label, n in (("1", 1), ("64", 64), ("found", 0))]
    growth(run, "classes", [n for n in run.names if n == "weir"], variants,
           lambda setup: ["--paths", setup.paths])


def servers(run):
    growth(run, "servers", run.names, [(n, Setup(servers=n)) for n in (2, 100)],
           lambda setup: [])


def idle(run):
    """Memory of its own for each idle connection; a fresh process for each sample."""
    for count in (300,) if run.options.quick else (1000, 9000):
        count = run.workshop.connections(count)
        for way in ("paced", "burst"):
            for turn in range(1 if run.options.quick else 3):
                told = []
                for name in run.names:
                    found = idle_bytes(run, name, count, way)
                    run.note(f"idle_{count}_{way}", name, found)
                    told.append(f"{name} {found:.0f}")
                run.say(f"  {count} connections, {way}: " + ", ".join(told) + " bytes each")


def idle_bytes(run, name, count, way):
    setup = Setup(connections=run.workshop.connections(10000))
    with run.workshop.fleet([name], setup) as fleet:
        proxy = fleet.proxies[0]
        proxy.load("--connections", 64, "--requests", 2000, "--seconds", 5)
        rest = 0.2 if run.options.quick else 3
        time.sleep(rest)
        before = proxy.memory()
        proxy.load("--connections", count, "--idle", way)  # they stay
        time.sleep(rest)
        return (proxy.memory() - before) / count


def per_request(run, name, count):
    """The difference of two run lengths: starting, connecting and ending drop out."""
    less, more = (500, 2500) if run.options.quick else (2000, 12000)
    return (count(name, more) - count(name, less)) / (more - less)


def calls(run):
    """System calls of the worker, as strace counts them."""
    with run.workshop.fleet(run.names, Setup()) as fleet:
        proxies = {proxy.name: proxy for proxy in fleet.proxies}
        kinds = {}

        def count(name, requests):
            proxy = proxies[name]
            load = ("--connections", run.options.connections, "--seconds", 60)
            proxy.load(*load, "--requests", 3000)
            found = traced(run, proxy, load, requests)
            kinds[name] = found
            return sum(found.values())

        for name in run.names:
            value = per_request(run, name, count)
            run.note("calls", name, value)
            most = sorted(kinds[name].items(), key=lambda kind: -kind[1])[:6]
            run.say(f"  {name} {value:.2f}: " + ", ".join(f"{n} {kind}" for kind, n in most))


def traced(run, proxy, load, requests):
    output = run.workshop.folder / "strace.txt"
    strace = subprocess.Popen(["strace", "-c", "-o", str(output), "-p", str(proxy.worker())],
                              stderr=subprocess.PIPE)
    try:
        assert b"attached" in strace.stderr.readline(), "strace could not attach"
        proxy.load(*load, "--requests", requests)
    finally:
        strace.send_signal(signal.SIGINT)
        strace.wait(timeout=20)
        strace.stderr.close()
    rows = re.findall(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?([a-z]\w*)$",
                      output.read_text(), re.M)
    return {kind: int(n) for n, kind in rows if kind != "total"}


def instructions(run):
    """User instructions, as callgrind counts them, of the thread that carries the traffic."""
    with run.workshop.fleet([], Setup()) as fleet:
        def count(name, requests):
            folder = run.workshop.folder / f"callgrind-{name}-{requests}"
            folder.mkdir()
            proxy = fleet.start(name, ["valgrind", "--tool=callgrind", "--separate-threads=yes",
                                       f"--callgrind-out-file={folder}/out"], alone=True)
            proxy.load("--connections", run.options.connections, "--seconds", 120,
                       "--requests", requests)
            proxy.process.stop()
            return max(int(n) for file in folder.iterdir() for n in
                       re.findall(r"^(?:totals|summary): (\d+)", file.read_text(), re.M))

        for name in run.names:
            value = per_request(run, name, count)
            run.note("instructions", name, value)
            run.say(f"  {name} {value:.0f}")


def uncounted_weir():
    """The same build, but that it neither counts nor judges."""
    folder = ROOT / "build/uncounted"
    for words in (["cmake", "--preset", "release", "-B", folder, "-DWEIR_UNCOUNTED=ON"],
                  ["cmake", "--build", folder, "--target", "weir"]):
        subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, timeout=600)
    return str(folder / "weir")


def judging(run):
    """What counters, histograms, evidence and the guard add to a small request."""
    if "weir" not in run.names:
        return
    other = uncounted_weir()
    with run.workshop.fleet([], Setup()) as fleet:
        proxies = [fleet.start("weir"), fleet.start("weir", weir=other)]
        for turn, costs in there_and_back(run, proxies, [[], []]):
            run.note("judging", "weir", costs[0] / costs[1])
            run.say(f"  round {turn + 1}: {costs[0]:.2f} us, "
                    f"without judging {costs[1]:.2f} us")


def split(run):
    """Every user twice, over connections that others use too: always the same arm?"""
    users = 5000 if run.options.quick else 100000
    with run.workshop.fleet(run.names, Setup()) as fleet:
        for proxy in fleet.proxies:
            found = proxy.load("--connections", run.options.connections, "--arms", "--users",
                               users, "--requests", 2 * users, "--seconds", 100)
            share = found["canary"] / users
            error = (SPLIT_WEIGHT * (1 - SPLIT_WEIGHT) / users) ** 0.5
            run.note("split_share", proxy.name, share * 100)
            run.note("split_errors", proxy.name, abs(share - SPLIT_WEIGHT) / error)
            run.note("split_both", proxy.name, found["both"])
            run.say(f"  {proxy.name}: {share:.2%} of {users} users on the canary, "
                    f"{found['both']} on both arms")


PARTS = {f.__name__: f for f in (split, small, large, rate, bodies, connections, idle, calls,
                                 instructions, judging, routes, classes, servers)}
QUICK = ("split", "small", "large", "rate", "bodies", "connections", "idle", "routes")
