"""With the servers and clients that people have: nginx and lighttpd as the two arms,
curl and wrk as clients."""
import hashlib
import random
import re
import subprocess

import pytest

from support.client import Client
from support.cohort import is_canary
from support.servers import lighttpd, nginx
from support.weir import settings

PAGE = """<!doctype html><title>Shop</title>
<link rel="stylesheet" href="style.css"><script src="app.js"></script><img src="img/logo.png">
<p>""" + "Lorem ipsum dolor sit amet. " * 200


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A page with its assets, as files."""
    root = tmp_path_factory.mktemp("site")
    noise = random.Random(7)
    (root / "img").mkdir()
    (root / "empty").mkdir()
    files = {"index.html": PAGE.encode(), "style.css": b"body { margin: 0 }\n" * 400,
             "app.js": b"console.log('hello')\n" * 3000, "img/logo.png": noise.randbytes(90_001),
             "big.bin": noise.randbytes(5_000_000), "empty.txt": b""}
    for name, data in files.items():
        (root / name).write_bytes(data)
    return root, files


@pytest.fixture(scope="module")
def arms(site, tmp_path_factory):
    folder = tmp_path_factory.mktemp("servers")
    made = nginx(folder / "nginx", site[0], "legacy"), lighttpd(folder / "lighttpd", site[0], "canary")
    yield made
    for one in made:
        one.stop()


@pytest.fixture
def running(arms, weir):
    return weir(settings(*arms, route={"weight": "50%"}))


def users(canary):
    """A user of that arm."""
    return next(f"user-{n}" for n in range(100) if is_canary("shop", f"user-{n}", 500_000) == canary)


def get(port, target, method="GET", **fields):
    with Client(port) as client:
        return client.request(method, target, {"Host": "127.0.0.1", **fields})


@pytest.mark.parametrize("canary", [False, True], ids=["nginx", "lighttpd"])
def test_a_page_and_its_assets_are_those_of_the_server(running, arms, site, canary):
    for name, data in {**site[1], "": site[1]["index.html"]}.items():
        direct = get(arms[canary].port, "/" + name)
        through = get(running.port, "/" + name, **{"X-User-Id": users(canary)})
        assert through.arm == ("canary" if canary else "legacy")
        assert through.status == direct.status == 200
        assert through.body == direct.body == data
        for field in ("Content-Type", "ETag", "Last-Modified", "Content-Length", "Accept-Ranges"):
            assert through.fields.get(field) == direct.fields.get(field), (name, field)


@pytest.mark.parametrize("canary", [False, True], ids=["nginx", "lighttpd"])
def test_parts_redirects_and_conditions_are_those_of_the_server(running, arms, site, canary):
    user = {"X-User-Id": users(canary)}
    part = get(running.port, "/big.bin", Range="bytes=1000000-1000999", **user)
    assert (part.status, part.body) == (206, site[1]["big.bin"][1000000:1001000])
    tag = get(running.port, "/style.css", **user).fields.get("ETag")
    assert get(running.port, "/style.css", **{"If-None-Match": tag}, **user).status == 304
    assert get(running.port, "/nothing", **user).status == 404
    assert get(running.port, "/img", **user).status == 301
    head = get(running.port, "/big.bin", method="HEAD", **user)
    assert head.fields.get("Content-Length") == "5000000"


def curl(*args):
    done = subprocess.run(["curl", "--silent", "--show-error", "--max-time", "60", *args],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=90)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("version", ["--http1.1", "--http1.0"])
def test_curl_fetches_the_page_and_all_its_assets(running, site, tmp_path, version):
    urls = []
    for n, name in enumerate(site[1]):
        urls += ["-o", str(tmp_path / str(n)), f"http://127.0.0.1:{running.port}/{name}"]
    curl(version, "--fail", *urls)
    for n, data in enumerate(site[1].values()):
        path = tmp_path / str(n)
        assert (path.read_bytes() if path.exists() else b"") == data


def test_curl_is_kept_in_its_arm_by_the_cookie_that_weir_issues(arms, weir, tmp_path):
    running = weir(settings(*arms, route={"weight": "50%", "sticky": "issue:weir_id"}))
    for n in range(5):
        jar = str(tmp_path / f"jar-{n}")
        seen = {re.search(rb"(?im)^x-arm: (\w+)", curl("-b", jar, "-c", jar, "-o", "/dev/null", "-D", "-",
                                                      f"http://127.0.0.1:{running.port}/"))[1]
                for _ in range(8)}
        assert len(seen) == 1


@pytest.mark.parametrize("options", [[], ["-H", "Transfer-Encoding: chunked"], ["--http1.0"],
                                     ["-H", "Expect: 100-continue"]],
                         ids=["length", "chunked", "http1.0", "expect"])
def test_curl_uploads_a_file(shop, tmp_path, options):
    data = random.Random(1).randbytes(3_000_000)
    (tmp_path / "file").write_bytes(data)
    curl("--fail", "-T", str(tmp_path / "file"), *options, f"http://127.0.0.1:{shop.port}/up")
    assert shop.legacy.last.content.sha256 == hashlib.sha256(data).hexdigest()


def test_wrk_sees_no_error(running):
    done = subprocess.run(["wrk", "-t1", "-c32", "-d2s", "-H", "X-User-Id: someone",
                           f"http://127.0.0.1:{running.port}/style.css"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "Socket errors" not in done.stdout and "Non-2xx" not in done.stdout, done.stdout
    count = int(re.search(r"(\d+) requests in", done.stdout)[1])
    assert count > 100
    arms = running.counted(count)["arms"]  # wrk hangs up inside its last ones: maybe more
    assert all(arm["failures"] == 0 for arm in arms.values())


def test_a_server_that_goes_away_and_comes_back_is_served_again(site, tmp_path, weir):
    first = nginx(tmp_path / "a", site[0], "legacy")
    running = weir(settings(first))
    assert get(running.port, "/").status == 200
    first.stop()
    assert get(running.port, "/").status == 502
    again = nginx(tmp_path / "b", site[0], "legacy")
    try:
        running.reload(settings(again))
        assert get(running.port, "/").status == 200
    finally:
        again.stop()
