"""weir, nginx and HAProxy side by side: the same upstream, load and 90/10 split.

Each proxy is one process, or one worker, on core 0; the upstream and the load are one
more, on core 1. The cost is the CPU time of the proxy's process, the kernel's part too.
bench/README.md says how to read the figures.
"""
import argparse
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

from figures import pairs, table
from fleet import ROOT, Workshop
from page import page
from parts import PARTS, QUICK, Run
from proxies import PROXIES


def parse():
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="PARTS", help="some parts: " + ",".join(PARTS))
    parser.add_argument("--proxies", default=",".join(PROXIES), help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2, help="for each measurement")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rate", type=int, default=8000, help="requests per second, part rate")
    parser.add_argument("--sleeps", action="store_true",
                        help="part rate: clients and servers sleep between requests")
    parser.add_argument("--weir", default="build/release/weir", help="the weir to measure")
    parser.add_argument("--page", help="the page to write; default: build/bench.html")
    parser.add_argument("--quick", action="store_true",
                        help="one short round of most parts: does it all work?")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 0.25
    options.parts = options.only.split(",") if options.only else list(
        QUICK if options.quick else PARTS)
    names = options.proxies.split(",")
    for word, known in [(p, PARTS) for p in options.parts] + [(n, PROXIES) for n in names]:
        if word not in known:
            parser.error(f"{word} is none of {', '.join(known)}")
    if not (1 <= options.rounds <= 100 and 0.1 <= options.seconds <= 60 and
            1 <= options.connections <= 4000 and 1 <= options.rate <= 100000):
        parser.error("1 to 100 rounds, 0.1 to 60 seconds, 1 to 4000 connections, "
                     "a rate of 1 to 100000")
    if os.cpu_count() < 2:
        parser.error("two cores are needed: one for the proxy, one for the rest")
    return options, [name for name in PROXIES if name in names]


def conditions(options):
    """What the figures depend on, in a sentence or two."""
    control = Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()
    text = (f"{options.rounds} rounds of {options.seconds:g} s, {options.connections} "
            f"connections, fixed rate {options.rate}/s, congestion control {control}.")
    if options.sleeps:
        text += " At the fixed rate clients and servers sleep between requests."
    if control == "bbr":
        text += " bbr paces and so inflates what bodies cost, for all alike."
    return text


def write(options, run, versions, text):
    """The page, and the samples beside it; a partial run leaves the last page alone."""
    if (options.quick or options.only) and not options.page:
        return
    file = Path(options.page or ROOT / "build/bench.html").absolute()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(page(run.samples, run.names, versions, text))
    file.with_suffix(".json").write_text(json.dumps(
        {"conditions": text, "versions": versions, "samples": run.samples}, indent=1))
    print(f"\nwritten: {file}")


def main():
    options, names = parse()
    began = time.monotonic()
    folder = tempfile.mkdtemp(prefix="weir-bench-")
    try:
        workshop = Workshop(folder, str(Path(options.weir).absolute()))
        run = Run(workshop, names, options)
        text = conditions(options)
        print(text)
        for part in options.parts:
            part_began = time.monotonic()
            run.say(f"{part}:")
            PARTS[part](run)
            run.say(f"  ({time.monotonic() - part_began:.0f} s)")
        versions = {name: workshop.version(name) for name in names}
        print(f"\n{table(run.samples, names, versions)}\n\n{pairs(run.samples, names)}")
        write(options, run, versions, text)
        print(f"{time.monotonic() - began:.0f} s")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


main()
