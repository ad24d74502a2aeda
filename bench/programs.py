"""Compiles the programs of this folder: each with the modules whose headers it includes,
theirs in turn, and so on. One noun is one .c and .h, so includes say what is needed; what
is split over more files includes a header of its own."""
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-O2", "-g", "-Wall", "-Wextra", "-Werror", f"-I{ROOT}",
         # What is never called needs no library either.
         "-ffunction-sections", "-Wl,--gc-sections"]


def sources(program):
    """Every .c file that the program needs, itself first."""
    found, waiting = [], [ROOT / "bench" / f"{program}.c"]
    while waiting:
        path = waiting.pop()
        if path in found or not path.exists():
            continue
        found.append(path)
        for included in re.findall(r'^#include "([^"]+)"', path.read_text(), re.M):
            header = ROOT / included
            waiting += [header, *parts_of(header)]
    return [path for path in found if path.suffix == ".c"]


def parts_of(header):
    """The files that implement it: guard.c for guard.h, and those beside it that include it
    before anything else, or whose name begins as its does."""
    stem, own = header.with_suffix("").name, str(header.relative_to(ROOT))
    parts = []
    for path in header.parent.glob("*.c"):
        included = re.findall(r'^#include "([^"]+)"', path.read_text(), re.M)
        if path.stem == stem or included[:1] == [own] or (
                path.stem.startswith(stem) and own in included):
            parts.append(path)
    return parts


def build(program, folder):
    """The program's path, compiled into the folder."""
    path = Path(folder) / program
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cc", *FLAGS, "-o", path, *sources(program), "-lm"], check=True)
    return path
