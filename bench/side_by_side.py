"""CPU time per request of weir, nginx and HAProxy, with the same upstream and load.

Each proxy is one process, or one worker, on core 0; the upstream and wrk are on core 1.
All are started once; rounds go A B C, A B C, so that a slow minute of the machine hits
all alike; ratios are taken within a round. The cost is the CPU time of the proxy's
process (the kernel's part too) over the requests that wrk counted.
"""
import argparse
import http.client
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "tests")]
from proxies import PROXIES, UPSTREAM, WRK_SCRIPT  # noqa: E402 (the path comes first)
from support.servers import Server, free_port  # noqa: E402

PROXY_CORE, LOAD_CORE = "0", "1"
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Proxy:
    def __init__(self, name, folder, ports, weir):
        config, command, version = PROXIES[name]
        command, version = ([weir if c == "weir" else c for c in x] for x in (command, version))
        for key, port in ports.items():
            config = config.replace(key, str(port))
        self.name = name
        done = subprocess.run(version, capture_output=True, text=True, cwd=ROOT)
        found = re.search(r"\d+\.\d+[\w.]*", done.stdout + done.stderr)
        self.version = found[0] if found else "?"
        self.server = Server(folder / name, config, ["taskset", "-c", PROXY_CORE, *command])
        self.port = self.server.port
        self.samples = []

    def pids(self):
        """The process, and nginx's worker."""
        pid = self.server.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def cpu(self):
        """Seconds on the CPU so far, and the user part of it."""
        exact = user = system = 0.0
        for pid in self.pids():
            for task in Path(f"/proc/{pid}/task").iterdir():
                exact += int((task / "schedstat").read_text().split()[0]) / 1e9
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            user += int(fields[11]) * TICK_S
            system += int(fields[12]) * TICK_S
        return exact, user, system

    def canary_share(self, users=1000):
        """The share of users that the canary answers; fails where one gets both arms."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        arms = []
        for turn in range(2):
            seen = []
            for user in range(1, users + 1):
                connection.request("GET", "/", headers={"X-User-Id": f"user-{user}"})
                response = connection.getresponse()
                response.read()
                seen.append(response.headers["X-Arm"])
            arms.append(seen)
        connection.close()
        assert arms[0] == arms[1], f"{self.name} is not sticky"
        return arms[0].count("canary") / users


def wrk(port, seconds, connections, script):
    """Requests counted, and per second."""
    done = subprocess.run(["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{connections}",
                           f"-d{seconds}s", "-s", script, f"http://127.0.0.1:{port}/"],
                          capture_output=True, text=True, timeout=seconds * 3 + 60)
    problem = re.search(r"Socket errors.*|Non-2xx.*", done.stdout)
    assert done.returncode == 0 and not problem, problem[0] if problem else done.stderr
    return int(re.search(r"(\d+) requests in", done.stdout)[1])


def measure(proxy, options, script):
    wrk(proxy.port, 1, options.connections, script)  # connections and pools, warm
    before = proxy.cpu()
    count = wrk(proxy.port, options.seconds, options.connections, script)
    exact, user, system = (b - a for a, b in zip(before, proxy.cpu()))
    user_share = user / (user + system) if user + system else 0
    return {"us": exact / count * 1e6, "user_us": exact / count * 1e6 * user_share,
            "per_s": count / options.seconds, "busy": exact / options.seconds}


def report(proxies, options):
    print(f"\n{options.connections} connections, {len(proxies[0].samples)} rounds of "
          f"{options.seconds} s; medians\n")
    print(f"{'':<10}{'version':<12}{'CPU us/request':>15}{'(user)':>9}{'least':>8}{'most':>8}"
          f"{'requests/s':>12}{'busy':>7}")
    for proxy in proxies:
        def middle(key):
            return statistics.median(s[key] for s in proxy.samples)

        costs = [s["us"] for s in proxy.samples]
        user = "(%.1f)" % middle("user_us")
        print(f"{proxy.name:<10}{proxy.version:<12}{middle('us'):>15.2f}{user:>9}{min(costs):>8.2f}"
              f"{max(costs):>8.2f}{middle('per_s'):>12.0f}{middle('busy'):>7.0%}")
    first, *others = proxies
    print()
    for other in others:
        ratios = sorted(a["us"] / b["us"] for a, b in zip(first.samples, other.samples))
        print(f"{first.name} / {other.name}: {statistics.median(ratios):.3f} "
              f"(paired; {ratios[0]:.3f} to {ratios[-1]:.3f})")


def main():
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=4, help="for each measurement")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--only", help="proxies, with commas between: nginx,haproxy")
    parser.add_argument("--weir", default="build/release/weir", help="the weir to measure")
    parser.add_argument("--quick", action="store_true", help="one short round: does it all work?")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 1
    if not (1 <= options.rounds <= 100 and 1 <= options.seconds <= 60):
        parser.error("1 to 100 rounds of 1 to 60 seconds")
    names = options.only.split(",") if options.only else list(PROXIES)
    if os.cpu_count() < 2:
        parser.error("two cores are needed: one for the proxy, one for the rest")
    os.chdir(ROOT)

    folder = Path(tempfile.mkdtemp(prefix="weir-bench-"))
    servers = []
    try:
        canary = free_port()
        upstream = Server(folder / "upstream", UPSTREAM.replace("@CANARY@", str(canary)),
                          ["taskset", "-c", LOAD_CORE, "/usr/sbin/nginx", "-c", "@FILE@"])
        servers.append(upstream)
        script = folder / "users.lua"
        script.write_text(WRK_SCRIPT)
        ports = {"@LEGACY@": upstream.port, "@CANARY@": canary}
        proxies = []
        for name in names:
            proxies.append(Proxy(name, folder, ports, options.weir))
            servers.append(proxies[-1].server)
        for proxy in proxies:
            share = proxy.canary_share()
            print(f"{proxy.name}: {share:.1%} of 1000 users on the canary, each on one arm only")
            assert 0.06 < share < 0.14, f"{proxy.name} does not split 90/10"
        for n in range(options.rounds):
            for proxy in proxies:
                proxy.samples.append(measure(proxy, options, str(script)))
            costs = ", ".join(f"{p.name} {p.samples[-1]['us']:.2f}" for p in proxies)
            print(f"round {n + 1}: {costs} us", flush=True)
        report(proxies, options)
    finally:
        for server in reversed(servers):
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


main()
