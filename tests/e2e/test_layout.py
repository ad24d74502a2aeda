"""The tree keeps to its own rules: who may include whom, what the sans-IO parts may
not see, and what no file may contain."""
import os
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# base <- conf <- {metrics, router} <- {rollout, proxy} <- admin <- main
MAY_INCLUDE = {
    "base": {"base"},
    "conf": {"base", "conf"},
    "metrics": {"base", "conf", "metrics"},
    "router": {"base", "conf", "router"},
    "rollout": {"base", "conf", "metrics", "router", "rollout"},
    "proxy": {"base", "conf", "metrics", "router", "proxy"},
    "admin": {"base", "conf", "metrics", "router", "rollout", "proxy", "admin"},
}
# The files that touch sockets; in proxy, every other one is sans-IO.
PROXY_IO = {"transport", "client", "server_conn", "pool", "listener", "worker", "workers",
            "snapshot"}
# The log asks whether standard error would block.
POLLING = {"base/log.c"}
# Signing is arithmetic, whoever's library does it.
SIGNING = {"base/secret.c"}
# Memory for whoever asks, as malloc() is: it has a lock.
SHARED_MEMORY = {"base/dense.c"}
THREADED = {"base/dense", "proxy/worker", "proxy/workers", "admin/control", "admin/loader",
            "admin/store", "admin/store_threads"}
IO_HEADERS = re.compile(r"^(event2/|openssl/|pthread\.h|threads\.h|sys/(socket|epoll|un|select)\.h"
                        r"|netinet/|arpa/|netdb\.h|poll\.h)")
CLOCK_CALLS = re.compile(r"\b(clock_monotonic_us|clock_wall_us|clock_gettime|gettimeofday|time)\s*\(")
FORBIDDEN = re.compile("|".join(["TO" + "DO", "FIX" + "ME", r"\bX" + r"XX\b",
                                 r"\.\./sh" + "ared", "/wo" + r"rk\b"]))


def files(*suffixes):
    """Every file of the project that people write, as paths from the root."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [f for f in folders if f not in ("build", ".deps", ".git", "__pycache__")]
        for name in names:
            path = (Path(folder) / name).relative_to(ROOT)
            if not suffixes or path.suffix in suffixes:
                found.append(path)
    return sorted(found)


def sources():
    return [f for f in files(".c", ".h") if f.parts[0] in MAY_INCLUDE]


def includes(path):
    return re.findall(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', (ROOT / path).read_text(), re.M)


def test_includes_run_one_way():
    wrong = []
    for path in sources():
        for included in includes(path):
            part = included.split("/")[0]
            if part in MAY_INCLUDE and part not in MAY_INCLUDE[path.parts[0]]:
                wrong.append(f"{path} includes {included}")
    assert not wrong, "\n".join(wrong)


def test_project_includes_are_written_from_the_root():
    wrong = [f"{p} includes {i}" for p in sources() for i in includes(p)
             if (ROOT / p.parent / i).exists() and not (ROOT / i).exists()]
    assert not wrong, "\n".join(wrong)


def is_sans_io(path):
    part = path.parts[0]
    if part == "proxy":
        return path.stem not in PROXY_IO
    return part in ("metrics", "router", "rollout") or (part == "base" and path.stem != "address")


def test_the_sans_io_parts_see_neither_sockets_nor_threads():
    wrong = [f"{p} includes {i}" for p in sources() if is_sans_io(p)
             for i in includes(p) if IO_HEADERS.match(i)
             and not (i == "poll.h" and str(p) in POLLING)
             and not (i.startswith("openssl/") and str(p) in SIGNING)
             and not (i == "pthread.h" and str(p) in SHARED_MEMORY)]
    assert not wrong, "\n".join(wrong)


def test_the_sans_io_parts_read_no_clock():
    wrong = []
    for path in sources():
        if is_sans_io(path) and path.suffix == ".c" and str(path) not in ("base/clock.c", "base/log.c"):
            code = re.sub(r"/\*.*?\*/|//[^\n]*", "", (ROOT / path).read_text(), flags=re.S)
            wrong += [f"{path} calls {c}" for c in CLOCK_CALLS.findall(code)]
    assert not wrong, "\n".join(wrong)


def test_the_configuration_sees_neither_loops_nor_threads():
    wrong = [f"{p} includes {i}" for p in sources() if p.parts[0] == "conf"
             for i in includes(p) if re.match(r"event2/|openssl/|pthread\.h", i)]
    assert not wrong, "\n".join(wrong)


def test_only_worker_and_control_know_threads():
    wrong = [str(p) for p in files(".c", ".h")
             if p.parts[0] != "tests" and str(p.with_suffix("")) not in THREADED
             and re.search(r"\bpthread_\w+\s*\(|<pthread\.h>", (ROOT / p).read_text())]
    assert not wrong, wrong


def test_no_file_is_longer_than_600_lines():
    wrong = []
    for path in files():
        is_code = path.suffix in (".c", ".h", ".py", ".sh") or path.parts[0] in ("scripts", "bench")
        if is_code and path.parts[0] != "tests":
            lines = (ROOT / path).read_bytes().count(b"\n")
            if lines > 600:
                wrong.append(f"{path}: {lines} lines")
    assert not wrong, "\n".join(wrong)


def test_nothing_is_left_to_do_and_no_foreign_path_is_named():
    wrong = []
    for path in files():
        text = (ROOT / path).read_text(errors="replace")
        wrong += [f"{path}: {m}" for m in sorted(set(FORBIDDEN.findall(text)))]
    assert not wrong, "\n".join(wrong)
