"""Forced arms: by a rule from where it is trusted, or by a signed token from anywhere;
what they do not count in, and what the upstream gets to see of them."""
import base64
import hashlib
import hmac
import os
import time

import pytest

from support.client import Client
from support.cohort import is_canary
from support.weir import run_weir, settings

KEY = b"0123456789abcdef0123456789abcdef-of-the-tests"
CANARY_USER = next(f"user-{n}" for n in range(1000) if is_canary("shop", f"user-{n}", 200_000))
LEGACY_USER = next(f"user-{n}" for n in range(1000) if not is_canary("shop", f"user-{n}", 200_000))


def token(route="shop", arm="canary", expires=None, flags="-", key=KEY):
    """Made here from nothing but docs/forced.md."""
    text = f"v1.{route}.{arm}.{expires or int(time.time()) + 600}.{flags}"
    mac = hmac.new(key, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


@pytest.fixture
def arms(upstream):
    return upstream("legacy"), upstream("canary")


@pytest.fixture
def key_file(tmp_path):
    file = tmp_path / "token.key"
    file.write_bytes(KEY + b"\n")
    file.chmod(0o600)
    return file


@pytest.fixture
def forced(arms, weir, key_file):
    """weir with these force rules, at 20%; trusts 127.0.0.0/8 to force."""

    def start(rules=(), trusted="127.0.0.0/8", weight="20%", key=key_file, **options):
        route = {"force": list(rules), "weight": weight}
        if any(" address:" not in rule for rule in rules):
            route["force_from"] = trusted
        return weir(settings(*arms, route=route, **options),
                    weir={"token_key_file": key} if key else None)

    return start


def arm_of(running, user, **fields):
    with Client(running.port) as client:
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        return client.request(fields={"X-User-Id": user, **named}).arm


# Rules.


def test_a_header_or_a_cookie_chooses_the_arm_whatever_the_bucket(forced):
    running = forced(["canary header:X-Test=new", "legacy header:X-Test", "canary cookie:beta"])
    rows = [(LEGACY_USER, {"X_Test": "new"}, "canary"), (CANARY_USER, {"X_Test": "old"}, "legacy"),
            (LEGACY_USER, {"Cookie": "a=1; beta=x"}, "canary"),
            (LEGACY_USER, {"Cookie": "beta_=x"}, "legacy"), (CANARY_USER, {}, "canary"),
            (LEGACY_USER, {}, "legacy")]
    for user, fields, arm in rows:
        assert (user, fields, arm_of(running, user, **fields)) == (user, fields, arm)


def test_a_rule_by_field_does_not_count_from_elsewhere(forced):
    running = forced(["canary header:X-Test", "canary cookie:beta"], trusted="10.0.0.0/8")
    assert arm_of(running, LEGACY_USER, X_Test="1", Cookie="beta=1") == "legacy"


def test_a_rule_by_address_means_the_client_behind_trusted_proxies(forced):
    rules = ["canary address:192.0.2.0/24"]
    plain = forced(rules)
    assert arm_of(plain, LEGACY_USER, X_Forwarded_For="192.0.2.7") == "legacy"
    behind = forced(rules, listen={"trusted_networks": "127.0.0.1"})
    assert arm_of(behind, LEGACY_USER, X_Forwarded_For="192.0.2.7") == "canary"
    assert arm_of(behind, LEGACY_USER, X_Forwarded_For="192.0.2.7, 198.51.100.1") == "legacy"


def test_a_client_cannot_pass_for_the_proxy_in_front(forced):
    """Some proxies pass the client's Connection field on: it must not unsay who the client is."""
    running = forced(["canary header:X-Test"], trusted="127.0.0.0/8",
                     listen={"trusted_networks": "127.0.0.1"})
    outsider = {"X_Forwarded_For": "192.0.2.7", "X_Test": "1"}
    assert arm_of(running, LEGACY_USER, **outsider) == "legacy"
    assert arm_of(running, LEGACY_USER, Connection="X-Forwarded-For", **outsider) == "legacy"


def test_a_forced_canary_is_reached_at_weight_0(forced):
    running = forced(["canary header:X-Test"], weight="0%")
    assert arm_of(running, CANARY_USER) == "legacy"
    assert arm_of(running, CANARY_USER, X_Test="1") == "canary"


def test_forced_failures_roll_nothing_back(forced, arms):
    running = forced(["canary header:X-Test"])
    arms[1].fail("/", 1)
    with Client(running.port) as client:
        for _ in range(60):
            fields = {"X-User-Id": LEGACY_USER, "X-Test": "1"}
            assert client.request(fields=fields).status == 503
    route = running.counted(60)
    assert (route["weight_ppm"], route["state"]) == (200_000, "fixed")
    assert running.journal()[1:] == []


# Tokens.


def test_a_token_chooses_the_arm_from_anywhere(forced):
    running = forced()
    assert arm_of(running, LEGACY_USER, Weir_Token=token()) == "canary"
    assert arm_of(running, CANARY_USER, Weir_Token=token(arm="legacy")) == "legacy"
    assert arm_of(running, LEGACY_USER, Weir_Token=token(route="*")) == "canary"
    assert arm_of(running, LEGACY_USER, Cookie=f"a=1; weir_token={token()}") == "canary"


def test_a_token_for_any_arm_leaves_it_to_the_bucket(forced):
    running = forced()
    assert arm_of(running, LEGACY_USER, Weir_Token=token(arm="any")) == "legacy"
    assert arm_of(running, CANARY_USER, Weir_Token=token(arm="any", flags="s")) == "canary"


@pytest.mark.parametrize("bad", [
    lambda: token(key=b"x" * 32), lambda: token(expires=int(time.time()) - 1),
    lambda: token(route="cart"), lambda: token(arm="both"), lambda: token(flags="z"),
    lambda: token()[:-1], lambda: token().replace("canary", "legacy"), lambda: "nonsense",
    lambda: "v1." * 300])
def test_a_token_that_does_not_hold_changes_nothing(forced, bad):
    running = forced()
    assert arm_of(running, LEGACY_USER, Weir_Token=bad()) == "legacy"
    assert arm_of(running, CANARY_USER, Weir_Token=bad()) == "canary"


def test_without_a_key_no_token_holds(forced):
    running = forced(key=None)
    assert arm_of(running, LEGACY_USER, Weir_Token=token()) == "legacy"


def test_a_token_goes_no_further(forced, arms):
    running = forced(["canary header:X-Test"])
    with Client(running.port) as client:
        client.request(fields={"X-User-Id": LEGACY_USER, "Weir-Token": token(),
                               "Cookie": f"sid=1; weir_token={token()}; b=2"})
        seen = arms[1].last
        assert (seen.fields.get("Cookie"), seen.fields.get("Weir-Token")) == ("sid=1; b=2", None)
        client.request(fields={"X-User-Id": LEGACY_USER, "Weir-Token": "nonsense",
                               "Cookie": "weir_token=nonsense"})
        seen = arms[0].last
        assert (seen.fields.get("Cookie"), seen.fields.get("Weir-Token")) == (None, None)


def test_a_route_without_a_canary_keeps_tokens_to_itself_too(weir, upstream, key_file):
    legacy = upstream()
    running = weir(settings(legacy), weir={"token_key_file": key_file})
    with Client(running.port) as client:
        assert client.request(fields={"Weir-Token": token()}).status == 200
    assert legacy.last.fields.get("Weir-Token") is None


def test_another_key_is_in_force_from_the_reload_on(forced, key_file):
    running = forced()
    held = token()
    assert arm_of(running, LEGACY_USER, Weir_Token=held) == "canary"
    key_file.write_bytes(b"another key, as long as a key is to be")
    running.reload()
    assert arm_of(running, LEGACY_USER, Weir_Token=held) == "legacy"


def test_a_reload_with_a_bad_key_file_leaves_the_old_one_serving(forced, key_file):
    running = forced()
    key_file.chmod(0o644)
    refused = running.cli("reload", check=False)
    assert refused.returncode == 1
    assert "chmod 600" in refused.stderr
    assert arm_of(running, LEGACY_USER, Weir_Token=token()) == "canary"
    assert KEY.decode() not in running.log


# weir token.


def make(config, *options, check=True):
    done = run_weir("token", *options, "--config", config)
    assert not check or done.returncode == 0, done.stderr
    return done


def test_weir_token_prints_a_token_that_holds_and_nothing_else(forced):
    running = forced()
    done = make(running.config, "--route", "shop", "--arm", "canary", "--for", "10m")
    assert done.stderr == ""
    assert arm_of(running, LEGACY_USER, Weir_Token=done.stdout.strip()) == "canary"
    fields = done.stdout.strip().split(".")
    assert fields[:3] == ["v1", "shop", "canary"]
    assert 590 <= int(fields[3]) - time.time() <= 601
    assert done.stdout.strip() == token(expires=fields[3])


def test_weir_token_makes_them_for_any_route_and_for_drills(forced):
    running = forced()
    done = make(running.config, "--route", "*", "--arm", "any", "--synthetic")
    fields = done.stdout.strip().split(".")
    assert done.stdout.strip() == token("*", "any", fields[3], "s")
    assert 3590 <= int(fields[3]) - time.time() <= 3601


def test_weir_token_says_what_is_wrong(forced):
    running = forced()
    shop = ["--route", "shop"]
    rows = [(["--arm", "canary"], "--route"), (shop, "--arm"), ([*shop, "--arm", "new"], "--arm"),
            ([*shop, "--arm", "canary", "--for", "1y"], "--for"),
            ([*shop, "--arm", "canary", "--for", "91d"], "--for"),
            (["--route", "cart", "--arm", "canary"], "no route 'cart'")]
    for options, words in rows:
        done = make(running.config, *options, check=False)
        assert done.returncode in (1, 2)
        assert (options, done.stdout) == (options, "")
        assert words in done.stderr.lower(), (options, done.stderr)


def test_weir_token_needs_a_key(forced):
    done = make(forced(key=None).config, "--route", "shop", "--arm", "canary", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "token_key_file" in done.stderr


@pytest.mark.parametrize("content, mode, words", [
    (b"short", 0o600, "at least 32"), (b"x" * 2000, 0o600, "more than 1024"),
    (b"x" * 64, 0o640, "chmod 600")])
def test_a_bad_key_file_is_an_error_at_the_start(arms, weir, tmp_path, content, mode, words):
    file = tmp_path / "bad.key"
    file.write_bytes(content)
    os.chmod(file, mode)
    running = weir(settings(*arms), weir={"token_key_file": file}, start=False)
    done = run_weir("run", running.config)
    assert done.returncode != 0
    assert words in done.stderr
