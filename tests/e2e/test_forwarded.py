"""Who the client is, and whom weir believes about it (docs/headers.md)."""
import pytest

from support.client import Client
from support.cohort import is_canary
from support.weir import settings

TRUSTED, STRANGER = "127.0.0.2", "127.0.0.3"  # both reach a listener on 127.0.0.1
MINE = (("X-Forwarded-For", "192.0.2.7, 198.51.100.1"), ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "outer.example"), ("Forwarded", 'for=192.0.2.7;proto=https'))
NAMES = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded")


@pytest.fixture
def ask(upstream, weir):
    """ask(source, fields, listen keys) -> the request that the server saw."""
    running = {}

    def one(source, fields=(), version="1.1", route=None, **listen):
        key = (str(sorted(listen.items())), str(route))
        if key not in running:
            legacy = upstream("legacy")
            running[key] = legacy, weir(settings(legacy, route=route, listen={
                "trusted_networks": f"{TRUSTED}/32, 10.0.0.0/8", **listen}))
        legacy, one_weir = running[key]
        with Client(one_weir.port, source=source) as client:
            response = client.request(fields=fields, version=version)
            assert response.status == 200, response.body
        return legacy.last

    return one


def forwarded(seen):
    return {n: seen.fields.all(n) for n in NAMES if seen.fields.all(n)}


def test_the_upstream_is_told_who_asked_and_how(send):
    seen, _ = send()
    assert seen.fields.elements("X-Forwarded-For") == ["127.0.0.1"]
    assert seen.fields.get("X-Forwarded-Proto") == "http"
    assert seen.fields.get("X-Forwarded-Host") == "shop.example.com"


def test_a_client_cannot_pretend_to_be_someone_else(send):
    seen, _ = send([("X-Forwarded-For", "10.1.2.3"), ("X-Forwarded-Proto", "https")])
    assert seen.fields.elements("X-Forwarded-For")[-1] == "127.0.0.1"
    assert seen.fields.elements("X-Forwarded-Proto")[-1] == "http"


# What an untrusted client sends is replaced, appended to, or dropped.


def test_a_strangers_fields_are_replaced(ask):
    for policy in ({}, {"untrusted_forwarded": "replace"}):
        assert forwarded(ask(STRANGER, MINE, **policy)) == {
            "X-Forwarded-For": [STRANGER], "X-Forwarded-Proto": ["http"],
            "X-Forwarded-Host": ["shop.example.com"]}


def test_a_strangers_fields_are_appended_to(ask):
    seen = ask(STRANGER, MINE, untrusted_forwarded="append", forwarded="both")
    assert forwarded(seen) == {
        "X-Forwarded-For": [f"192.0.2.7, 198.51.100.1, {STRANGER}"], "X-Forwarded-Proto": ["http"],
        "X-Forwarded-Host": ["shop.example.com"],
        "Forwarded": [f"for=192.0.2.7;proto=https, for={STRANGER};host=shop.example.com;proto=http"]}


def test_a_strangers_fields_are_dropped_and_none_are_set(ask):
    assert forwarded(ask(STRANGER, MINE, untrusted_forwarded="drop", forwarded="both")) == {}
    assert forwarded(ask(STRANGER, untrusted_forwarded="drop", forwarded="both")) == {}


OTHERS = tuple((name, "1") for name in (
    "X-Forwarded-Port", "x-forwarded-prefix", "X-Forwarded-Ssl", "X-Forwarded-Scheme", "X-Forwarded-Server",
    "X-Forwarded-By", "X-REAL-IP"))


def others(seen):
    return [(n, v) for n, v in seen.fields if (n, v) in OTHERS]


@pytest.mark.parametrize("style", ["x", "rfc7239"])
@pytest.mark.parametrize("policy", ["replace", "drop"])
def test_what_weir_does_not_write_itself_is_not_a_strangers_to_say_either(ask, policy, style):
    seen = ask(STRANGER, (*OTHERS, ("X-Forwardedness", "2")), untrusted_forwarded=policy, forwarded=style)
    assert others(seen) == [] and seen.fields.get("X-Forwardedness") == "2"


def test_to_append_leaves_it_as_it_came(ask):
    assert others(ask(STRANGER, OTHERS, untrusted_forwarded="append")) == list(OTHERS)


@pytest.mark.parametrize("policy", ["replace", "append", "drop"])
def test_a_trusted_peer_says_it(ask, policy):
    assert others(ask(TRUSTED, OTHERS, untrusted_forwarded=policy)) == list(OTHERS)


@pytest.mark.parametrize("policy", ["replace", "append", "drop"])
def test_a_trusted_peers_fields_go_on_whatever_strangers_may_do(ask, policy):
    seen = ask(TRUSTED, MINE, untrusted_forwarded=policy, forwarded="both")
    assert forwarded(seen) == {
        "X-Forwarded-For": [f"192.0.2.7, 198.51.100.1, {TRUSTED}"], "X-Forwarded-Proto": ["https"],
        "X-Forwarded-Host": ["outer.example"],
        "Forwarded": [f"for=192.0.2.7;proto=https, for={TRUSTED};host=shop.example.com;proto=http"]}


def test_a_trusted_peer_that_says_nothing_is_the_client(ask):
    assert forwarded(ask(TRUSTED)) == {
        "X-Forwarded-For": [TRUSTED], "X-Forwarded-Proto": ["http"], "X-Forwarded-Host": ["shop.example.com"]}


def test_several_lines_of_one_name_become_one(ask):
    fields = (("X-Forwarded-For", "192.0.2.7"), ("Accept", "*/*"), ("x-forwarded-for", "198.51.100.1"))
    assert ask(TRUSTED, fields).fields.all("X-Forwarded-For") == [f"192.0.2.7, 198.51.100.1, {TRUSTED}"]


def test_no_host_is_made_up_for_http_1_0(ask):
    seen = ask(STRANGER, version="1.0", forwarded="both")
    assert not seen.fields.all("X-Forwarded-Host")
    assert seen.fields.get("Forwarded") == f"for={STRANGER};proto=http"


# Which of them go on.


@pytest.mark.parametrize("style, names", [("x", NAMES[:3]), ("rfc7239", NAMES[3:]), ("both", NAMES)])
@pytest.mark.parametrize("source", [TRUSTED, STRANGER])
def test_the_fields_that_are_chosen_go_on_and_no_others(ask, style, names, source):
    assert tuple(forwarded(ask(source, MINE, forwarded=style))) == names


def test_rfc_7239_quotes_what_is_no_token(ask):
    seen = ask(STRANGER, (("Host", "shop.example.com:8080"),), forwarded="rfc7239")
    assert seen.fields.get("Forwarded") == f'for={STRANGER};host="shop.example.com:8080";proto=http'


def test_an_open_quote_in_forwarded_swallows_nothing(ask):
    seen = ask(TRUSTED, (("Forwarded", 'for="192.0.2.7'),), forwarded="rfc7239")
    assert seen.fields.get("Forwarded") == f"for={TRUSTED};host=shop.example.com;proto=http"


# The client's address, as ${client_ip} shows it and sticky = address hashes it.

RULE = {"request_header_set": "X-Client: ${client_ip}"}


@pytest.mark.parametrize("source, chain, client", [
    (STRANGER, "192.0.2.7", STRANGER), (TRUSTED, None, TRUSTED), (TRUSTED, "192.0.2.7", "192.0.2.7"),
    (TRUSTED, "203.0.113.9, 192.0.2.7", "192.0.2.7"), (TRUSTED, "192.0.2.7, 10.1.2.3", "192.0.2.7"),
    (TRUSTED, "10.9.9.9, 10.1.2.3", "10.9.9.9"), (TRUSTED, "192.0.2.7, unknown", TRUSTED),
    (TRUSTED, "192.0.2.7, unknown, 10.1.2.3", "10.1.2.3"), (TRUSTED, "192.0.2.7:4711", "192.0.2.7"),
    (TRUSTED, "[2001:db8::7]:4711", "2001:db8::7"), (TRUSTED, "2001:db8::7", "2001:db8::7"),
    (TRUSTED, "::ffff:10.1.2.3", "10.1.2.3"), (TRUSTED, ", ,192.0.2.7, ,", "192.0.2.7"), (TRUSTED, "", TRUSTED),
])
def test_the_client_is_the_rightmost_that_is_not_trusted(ask, source, chain, client):
    fields = () if chain is None else (("X-Forwarded-For", chain),)
    assert ask(source, fields, route=RULE).fields.get("X-Client") == client


def test_an_endless_chain_is_not_walked_to_its_end(ask):
    chain = ", ".join(["192.0.2.7"] + ["10.0.0.1"] * 500)
    assert ask(TRUSTED, (("X-Forwarded-For", chain),), route=RULE).fields.get("X-Client") == "10.0.0.1"


def test_a_reload_withdraws_trust_from_connections_that_are_open_and_gives_it(upstream, weir):
    legacy = upstream("legacy")
    trusting = settings(legacy, listen={"trusted_networks": TRUSTED})
    running = weir(trusting, workers=1)
    fields = {"X-Forwarded-For": "192.0.2.7"}
    with Client(running.port, source=TRUSTED) as client:
        for text, chain in ((trusting, ["192.0.2.7", TRUSTED]), (settings(legacy), [TRUSTED]),
                            (trusting, ["192.0.2.7", TRUSTED])):
            running.reload(text)
            assert client.request(fields=fields).status == 200
            assert legacy.last.fields.elements("X-Forwarded-For") == chain
    assert legacy.connections == 1


def test_users_are_split_by_their_own_address_behind_a_trusted_proxy(upstream, weir):
    running = weir(settings(upstream("legacy"), upstream("canary"), listen={"trusted_networks": TRUSTED},
                            route={"sticky": "address", "weight": "50%"}))
    users = [f"192.0.2.{n}" for n in range(60)]
    with Client(running.port, source=TRUSTED) as client:
        arms = {u: client.request(fields={"X-Forwarded-For": u}).arm for u in users}
    assert arms == {u: "canary" if is_canary("shop", u, 500_000) else "legacy" for u in users}
    assert set(arms.values()) == {"legacy", "canary"}


def test_a_stranger_cannot_choose_its_arm_by_a_made_up_address(upstream, weir):
    running = weir(settings(upstream("legacy"), upstream("canary"), listen={"trusted_networks": TRUSTED},
                            route={"sticky": "address", "weight": "50%"}))
    with Client(running.port, source=STRANGER) as client:
        arms = {client.request(fields={"X-Forwarded-For": f"192.0.2.{n}"}).arm for n in range(60)}
    assert arms == {"canary" if is_canary("shop", STRANGER, 500_000) else "legacy"}
