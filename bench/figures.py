"""What is shown of the samples: the figures, how each compares, and its bar."""
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Figure:
    """A row. Compared with `against`: "better" (of the others), the name of one of them,
    "bar" (the value itself), or nothing."""
    key: str
    title: str
    unit: str
    digits: int = 1
    against: str = ""
    bar: float = 0
    more_is_better: bool = False


FIGURES = [
    Figure("small_us", "CPU per small request", "us", 2, "better", 0.85),
    Figure("small_user_us", "user part of it", "us", 2),
    Figure("small_per_s", "small requests per second", "/s", 0, "better", 1.15, True),
    Figure("large_us", "CPU per request of 10 KiB", "us", 2, "better", 0.85),
    Figure("large_per_s", "requests of 10 KiB per second", "/s", 0),
    Figure("rate_us", "CPU per request at a fixed rate", "us", 2, "better", 0.90),
    Figure("rate_p50_us", "latency at that rate, p50", "us", 0, "better", 1.0),
    Figure("rate_p99_us", "latency at that rate, p99", "us", 0),
    Figure("rate_p999_us", "latency at that rate, p99.9", "us", 0),
    Figure("body_s", "CPU per GiB in bodies of 1 MiB", "s", 3, "haproxy", 1.0),
    Figure("body_rate", "GiB per second", "GiB/s", 2),
    Figure("new_us", "CPU per new connection", "us", 2, "better", 1.0),
    Figure("new_per_s", "new connections per second", "/s", 0),
    Figure("calls", "system calls per request", "", 2, "bar", 4.2),
    Figure("instructions", "user instructions per request", "", 0, "bar", 14000),
    Figure("judging", "small request, to one without counting and judging", "", 3, "bar", 1.03),
]
GROWTH = {
    "routes": ("routes", {"10000": 1.10}),
    "classes": ("path classes", {}),
    "servers": ("servers", {}),
}
SPLIT = [
    Figure("split_share", "users on the canary, of 10%", "%", 3),
    Figure("split_errors", "that far from 10%, in standard errors", "", 2, "bar", 3),
    Figure("split_both", "users that saw both arms", "", 0, "bar", 0),
]


def growth_figure(key, kind, rest):
    title, bars = GROWTH[kind]
    label, _, unit = rest.partition("_")
    if unit == "us":
        return Figure(key, f"CPU per request, {title}: {label}", "us", 2)
    if unit == "mib":
        return Figure(key, f"memory, {title}: {label}", "MiB", 1)
    return Figure(key, f"cost, {title}: {label}, to the first", "", 3,
                  "bar" if label in bars else "", bars.get(label, 0))


def known_figures(samples):
    """The figures that were measured, in the order in which they are shown."""
    figures = list(FIGURES)
    for key in samples:
        kind, _, rest = key.partition("_")
        if kind == "idle":
            count, way = rest.split("_")
            title = f"memory per idle connection, {count}, {way}"
            figures.append(Figure(key, title, "bytes", 0, "bar", 600))
        elif kind in GROWTH:
            figures.append(growth_figure(key, kind, rest))
    return [f for f in figures + SPLIT if f.key in samples]


@dataclass
class Row:
    figure: Figure
    values: dict             # by proxy: the median
    samples: dict            # by proxy: all of them
    compared: float = None   # the ratio, or the value, that the bar is for
    over: str = ""           # the proxy that the ratio is to
    met: bool = None


def ratios(mine, theirs):
    """Paired: the first of the one to the first of the other, and so on; in order."""
    return sorted(a / b for a, b in zip(mine, theirs) if b)


def row(figure, samples):
    found = Row(figure, {name: median(values) for name, values in samples.items()}, samples)
    mine = samples.get("weir")
    others = {name: value for name, value in found.values.items() if name != "weir"}
    if mine is None or not figure.against:
        return found
    if figure.against == "bar":
        found.compared = found.values["weir"]
    elif figure.against == "better" and others:
        choose = max if figure.more_is_better else min
        found.over = choose(others, key=others.get)
    elif figure.against in others:
        found.over = figure.against
    if found.over:
        found.compared = median(ratios(mine, samples[found.over]))
    if found.compared is not None:
        more = figure.more_is_better
        found.met = found.compared >= figure.bar if more else found.compared <= figure.bar
    return found


def rows(samples):
    return [row(figure, samples[figure.key]) for figure in known_figures(samples)]


def bar_text(figure):
    if not figure.against:
        return ""
    return (">= " if figure.more_is_better else "<= ") + f"{figure.bar:g}"


def verdict(found):
    return {True: "met", False: "short", None: ""}[found.met]


def compared_text(found):
    if found.compared is None:
        return ""
    return f"{found.compared:.3f} of {found.over}" if found.over else ""


def table(samples, names, versions):
    """The rows as text, in columns."""
    lines = [f"{'':<40}" + "".join(f"{n + ' ' + versions[n]:>16}" for n in names) +
             f"  {'ratio':<18}{'bar':>9}"]
    for found in rows(samples):
        figure = found.figure
        title = figure.title + (f", {figure.unit}" if figure.unit else "")
        cells = "".join(f"{found.values[n]:>16.{figure.digits}f}" if n in found.values
                        else f"{'-':>16}" for n in names)
        lines.append(f"{title:<40}{cells}  {compared_text(found):<18}"
                     f"{bar_text(figure):>9}  {verdict(found)}".rstrip())
    return "\n".join(lines)


def pairs(samples, names):
    """The main ratio against each of the others, and how far the rounds are apart."""
    mine = samples.get("small_us", {})
    if "weir" not in mine:
        return ""
    lines = []
    for name in names:
        if name != "weir":
            found = ratios(mine["weir"], mine[name])
            lines.append(f"weir / {name}: {median(found):.3f} "
                         f"(CPU per small request, paired; {found[0]:.3f} to {found[-1]:.3f})")
    return "\n".join(lines)
