import os

import pytest

from support.client import Client
from support.raw_server import listening
from support.upstream import ClosedPort, FullPort, Upstream
from support.weir import Weir, binary, settings


def pytest_collection_modifyitems(items):
    needs = [i for i in items if {"weir", "shop"} & set(getattr(i, "fixturenames", ()))]
    if needs and not os.path.exists(binary()):
        raise pytest.UsageError(f"{binary()} is not built: scripts/test builds it")


@pytest.fixture
def upstream():
    """Makes upstreams: upstream("legacy"). Asserts at the end that weir sent them
    nothing that a proxy may not send."""
    made = []

    def make(arm="legacy", **options):
        made.append(Upstream(arm, **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()
    for one in made:
        assert not one.errors, one.errors


@pytest.fixture
def server():
    """A listener whose connections the test itself serves."""
    with listening() as listener:
        yield listener


@pytest.fixture
def unreachable():
    """Makes addresses that do not answer: "refused" or "silent"."""
    made = []

    def make(how):
        made.append({"refused": ClosedPort, "silent": FullPort}[how]())
        return made[-1].address

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def weir():
    """Starts weirs: weir(text). Asserts at the end that each exits cleanly, without
    a sanitizer's report or a leak."""
    made = []

    def make(text, **options):
        made.append(Weir(text, **options))
        return made[-1]

    yield make
    problems = []
    for one in made:
        try:
            if one.process:
                one.stop()
        except AssertionError as error:
            problems.append(str(error))
    assert not problems, "\n".join(problems)


@pytest.fixture
def shop(upstream, weir):
    """weir before one upstream, with everything at its default."""

    class Shop:
        legacy = upstream("legacy")
        weir = None
        port = 0

    Shop.weir = weir(settings(Shop.legacy))
    Shop.port = Shop.weir.port
    return Shop


@pytest.fixture
def one_worker(upstream, weir):
    """A pool is one worker's: with one worker, every request sees the same pool."""

    class Shop:
        legacy = upstream("legacy")

    Shop.weir = weir(settings(Shop.legacy), workers=1)
    Shop.port = Shop.weir.port
    return Shop


@pytest.fixture
def send(shop):
    """Sends one request with fields; returns what the upstream saw, and the response."""

    def one(fields=(), **options):
        with Client(shop.port) as client:
            response = client.request(fields=fields, **options)
        return shop.legacy.last, response

    return one
