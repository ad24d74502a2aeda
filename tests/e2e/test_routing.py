"""Which route a request takes, and which arm its user has."""
import re

import pytest

from support.client import Client
from support.cohort import is_canary
from support.upstream import Reply
from support.weir import section, settings

USERS = [f"user-{n}" for n in range(100)]


def arms_of(port, users, times=1):
    """The set of arms that each user saw."""
    seen = {user: set() for user in users}
    with Client(port) as client:
        for _ in range(times):
            for user in users:
                seen[user].add(client.request(fields={"X-User-Id": user}).arm)
    return seen


def canary_users(port, users=USERS):
    return {user for user, arms in arms_of(port, users).items() if arms == {"canary"}}


@pytest.fixture
def arms(upstream):
    return upstream("legacy"), upstream("canary")


# Routes.


def test_the_first_route_that_matches_takes_the_request(upstream, weir):
    one = {name: upstream(name) for name in ("exact", "orders", "suffix", "host", "any")}
    text = section("listen web", {"address": "127.0.0.1:0"})
    for name, server in one.items():
        text += section(f"upstream {name}", {"server": server.address})
    text += section("route exact", {"path": "= /orders/new", "legacy": "exact"})
    text += section("route orders", {"path": "/orders", "legacy": "orders"})
    text += section("route host", {"host": "shop.example.com", "legacy": "host"})
    text += section("route suffix", {"host": "*.example.com", "legacy": "suffix"})
    text += section("route any", {"host": "other.example.net", "legacy": "any"})
    running = weir(text)
    rows = [("a.example", "/orders/new", "exact"), ("a.example", "/orders/new?x=1", "exact"),
            ("a.example", "/orders/7", "orders"), ("a.example", "/orders", "orders"),
            ("a.example", "/orders?x=/cart", "orders"), ("shop.example.com", "/", "host"),
            ("SHOP.example.COM", "/", "host"), ("shop.example.com:8080", "/", "host"),
            ("cart.example.com", "/", "suffix"), ("a.b.example.com", "/", "suffix"),
            ("other.example.net", "/", "any"), ("shop.example.com", "/orders/new", "exact")]
    with Client(running.port) as client:
        for host, target, route in rows:
            response = client.request(target=target, fields={"Host": host})
            assert (host, target, response.arm) == (host, target, route)


@pytest.fixture
def by_host(upstream, weir):
    """One of two upstreams answers, by the host."""
    text = section("listen web", {"address": "127.0.0.1:0"})
    for name in ("one", "two"):
        text += section(f"upstream {name}", {"server": upstream(name).address})
        text += section(f"route {name}", {"host": f"{name}.test", "legacy": name})
    return weir(text).port


HEADS = [
    ("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", "it is the first field"),
    ("GET / HTTP/1.1\r\nhOST:\t{} \r\n\r\n", "in another case, with a tab"),
    ("GET / HTTP/1.1\r\n" + "X-Pad: host: one.test\r\n" * 9 + "Host: {}\r\n\r\n", "it is the last"),
    ("GET http://{} HTTP/1.1\r\nHost: one.test\r\n\r\n", "the target overrides it"),
    ("GET http://{} HTTP/1.1\r\nHost: two.test\r\n\r\n", "likewise"),
]


@pytest.mark.parametrize("head,why", HEADS)
def test_the_host_that_is_sent_decides_wherever_it_stands(by_host, head, why):
    with Client(by_host) as client:
        for host in ("one", "two", "two", "one"):
            client.send(head.format(f"{host}.test").encode())
            assert client.read().arm == host, why


def test_each_of_several_requests_in_a_packet_goes_by_its_own_host(by_host):
    head = "GET / HTTP/1.1\r\nHost: {}.test\r\n\r\n"
    hosts = ["one", "two", "two", "one", "two"]
    with Client(by_host) as client:
        client.send("".join(map(head.format, hosts)).encode())
        assert [client.read().arm for _ in hosts] == hosts


def test_a_head_that_comes_in_pieces_goes_by_the_host_that_it_ends_up_with(by_host):
    """Other clients' requests of the same shape come between the pieces."""
    head = b"GET / HTTP/1.1\r\nHost: %s.test\r\n\r\n"
    for cut in range(1, len(head % b"two")):
        with Client(by_host) as slow, Client(by_host) as quick:
            quick.send(head % b"one")
            assert quick.read().arm == "one"
            slow.send((head % b"two")[:cut])
            quick.send(head % b"one")
            assert quick.read().arm == "one"
            slow.send((head % b"two")[cut:])
            assert slow.read().arm == "two"


def test_a_suffix_does_not_match_the_bare_domain_or_another_name(upstream, weir):
    running = weir(settings(upstream(), route={"host": "*.example.com"}))
    with Client(running.port) as client:
        for host in ("example.com", "badexample.com", "example.com.evil.net"):
            assert client.request(fields={"Host": host}).status == 404
        assert client.request(fields={"Host": "www.example.com"}).status == 200


def test_without_a_route_the_answer_is_404_and_says_so(upstream, weir):
    legacy = upstream()
    running = weir(settings(legacy, route={"path": "/api"}))
    with Client(running.port) as client:
        response = client.request(target="/other")
        assert response.status == 404
        assert b"route" in response.body
        assert client.request(target="/api/1").status == 200
    assert [r.path for r in legacy.requests] == ["/api/1"]


# Cohorts.


def test_each_of_100_users_always_has_the_same_arm(arms, weir):
    running = weir(settings(*arms, route={"weight": "20%"}))
    seen = arms_of(running.port, USERS, times=5)
    assert all(len(a) == 1 for a in seen.values())
    canary = {u for u, a in seen.items() if a == {"canary"}}
    assert canary == {u for u in USERS if is_canary("shop", u, 200_000)}


def test_anyone_can_recompute_who_is_in_the_canary(arms, weir):
    users = [f"{n * 7919:x}-é" for n in range(1000)]
    running = weir(settings(*arms, route={"weight": "1.5%", "salt": "spring sale"}))
    with Client(running.port) as client:
        for user in users:
            name = user.encode().decode("latin-1")  # the field's bytes are UTF-8
            arm = client.request(fields={"X-User-Id": name}).arm
            assert (user, arm == "canary") == (user, is_canary("spring sale", user, 15_000))


def test_a_ramp_up_moves_no_one_back(arms, weir):
    def text(weight):
        return settings(*arms, route={"weight": weight})

    running = weir(text("5%"))
    at_5 = canary_users(running.port)
    running.reload(text("25%"))
    at_25 = canary_users(running.port)
    running.reload(text("5%"))
    assert at_5 < at_25
    assert canary_users(running.port) == at_5


def test_another_weir_and_a_later_one_agree(arms, weir):
    text = settings(*arms, route={"weight": "20%"})
    first = canary_users(weir(text).port)
    assert canary_users(weir(text).port) == first


def test_equal_salts_tie_routes_together_and_different_ones_do_not(arms, weir):
    def text(salts):
        more = section("route cart", {"path": "/cart", "legacy": "v1", "canary": "v2",
                                      "sticky": "header:X-User-Id", "weight": "50%", **salts})
        return more + settings(*arms, route={"weight": "50%", **salts})

    def users_at(port, target):
        with Client(port) as client:
            return {u for u in USERS
                    if client.request(target=target, fields={"X-User-Id": u}).arm == "canary"}

    tied = weir(text({"salt": "both"})).port
    assert users_at(tied, "/cart") == users_at(tied, "/")
    free = weir(text({})).port
    assert users_at(free, "/cart") != users_at(free, "/")


@pytest.mark.parametrize("weight, arm", [("0%", "legacy"), ("100%", "canary")])
def test_the_whole_and_nothing_are_exact(arms, weir, weight, arm):
    running = weir(settings(*arms, route={"weight": weight}))
    assert all(a == {arm} for a in arms_of(running.port, USERS).values())


def test_the_key_may_be_in_a_cookie(arms, weir):
    running = weir(settings(*arms, route={"weight": "30%", "sticky": "cookie:sid"}))
    with Client(running.port) as client:
        for user in USERS[:50]:
            arm = client.request(fields={"Cookie": f"a=b; sid={user}; xsid=no"}).arm
            assert (arm == "canary") == is_canary("shop", user, 300_000)


def test_the_sources_of_the_key_are_tried_in_their_order(arms, weir):
    running = weir(settings(*arms, route={"weight": "30%",
                                          "sticky": "header:X-User-Id, cookie:sid, address"}))
    rows = [({"X-User-Id": "{0}", "Cookie": "sid=other"}, "{0}"), ({"Cookie": "sid={0}"}, "{0}"),
            ({"X-User-Id": "", "Cookie": "sid={0}"}, "{0}"), ({"Cookie": "x={0}"}, "127.0.0.1")]
    with Client(running.port) as client:
        for user in USERS[:25]:
            for fields, key in rows:
                fields = {n: v.format(user) for n, v in fields.items()}
                arm = client.request(fields=fields).arm
                assert (arm == "canary") == is_canary("shop", key.format(user), 300_000)


def test_who_has_no_key_is_issued_one_that_holds(arms, weir):
    running = weir(settings(*arms, route={"weight": "50%", "sticky": "issue:weir_id"}))
    seen = set()
    with Client(running.port) as client:
        for _ in range(30):
            first = client.request()
            cookie = re.match(r"weir_id=([^;\s]+)", first.fields.get("Set-Cookie"))[1]
            seen.add(cookie)
            assert (first.arm == "canary") == is_canary("shop", cookie, 500_000)
            again = client.request(fields={"Cookie": f"weir_id={cookie}"})
            assert again.arm == first.arm
            assert not again.fields.all("Set-Cookie")
    assert len(seen) == 30


def test_an_issued_cookie_does_not_replace_the_services_own(arms, weir):
    legacy, canary = arms
    for one in arms:
        one.on("/", Reply(fields=(("Set-Cookie", "sid=1"),), body=b"x"))
    running = weir(settings(legacy, canary, route={"weight": "50%", "sticky": "issue:weir_id"}))
    with Client(running.port) as client:
        cookies = client.request().fields.all("Set-Cookie")
    assert "sid=1" in cookies and len(cookies) == 2


def test_without_any_key_the_share_still_holds(arms, weir):
    running = weir(settings(*arms, route={"weight": "50%", "sticky": "header:X-User-Id"}))
    with Client(running.port) as client:
        canary = sum(client.request().arm == "canary" for _ in range(400))
    assert 130 < canary < 270  # 7 standard deviations
