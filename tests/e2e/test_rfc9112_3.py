"""The request line and its target in all its forms (RFC 9112 3). What is malformed in it
stands in test_strictness."""
import pytest

from support.client import Client
from support.upstream import Reply
from support.weir import section, settings

# 3 Request line.


@pytest.mark.parametrize("method", ["GET", "PROPFIND", "M-SEARCH", "PURGE"])
def test_3_1_a_method_is_passed_on_as_it_is(send, method):
    seen, response = send(method=method)
    assert response.status == 200
    assert seen.method == method


def test_3_1_methods_are_case_sensitive(shop):
    with Client(shop.port) as client:
        assert client.request("get").status in (400, 501)
    assert shop.legacy.requests == []


# 3.2 Host.


@pytest.mark.parametrize("host", ["a%zz", "a%", "[::::]", "[1.2]", "a:99999"])
def test_3_2_a_host_that_is_none_is_refused(shop, host):
    with Client(shop.port) as client:
        assert client.request(fields={"Host": host}).status == 400
    with Client(shop.port) as client:
        assert client.request(target=f"http://{host}/").status == 400
    assert shop.legacy.requests == []


@pytest.mark.parametrize("host", ["%61.example", "[::ffff:192.0.2.7]:65535", "[v1.a:b]", "192.0.2.256"])
def test_3_2_a_host_of_the_grammar_goes_on_as_it_was_sent(send, host):
    seen, response = send([("Host", host)])
    assert (response.status, seen.fields.all("Host")) == (200, [host])


# 3.2.1 Origin form.


def test_3_2_1_the_path_and_query_are_the_target(send):
    seen, _ = send(target="/a/b?c=d?e")
    assert seen.target == "/a/b?c=d?e"


# 3.2.2 Absolute form.


def test_3_2_2_an_absolute_target_decides_over_host(send):
    """The proxy must ignore Host and use the target's."""
    seen, _ = send([("Host", "other.example.com")], target="http://shop.example.com/a?b=1")
    assert seen.fields.get("Host") == "shop.example.com"
    assert seen.target == "/a?b=1"


@pytest.mark.parametrize("target, host, origin", [
    ("http://shop.example.com", "shop.example.com", "/"),
    ("http://shop.example.com?a=b", "shop.example.com", "/?a=b"),
    ("HTTP://shop.example.com:8080/a", "shop.example.com:8080", "/a"),
    ("http://[::1]:80/a", "[::1]:80", "/a"),
], ids=["no path", "query alone", "port, scheme in capitals", "IPv6"])
def test_3_2_2_the_absolute_form_becomes_the_origin_form(send, target, host, origin):
    seen, response = send([("Host", "other.example.com")], target=target)
    assert response.status == 200
    assert (seen.fields.all("Host"), seen.target) == ([host], origin)
    assert seen.fields.get("X-Forwarded-Host") == host


def test_3_2_2_the_absolute_form_chooses_the_route(upstream, weir):
    one, other = upstream("one"), upstream("other")
    running = weir(settings(one, route={"host": "one.example"}, rest=section(
        "upstream other", {"server": other.address}) + section(
        "route other", {"host": "other.example", "legacy": "other"})))
    with Client(running.port) as client:
        for host, field in (("one", "other"), ("other", "one")):
            response = client.request(target=f"http://{host}.example/", fields={"Host": f"{field}.example"})
            assert response.arm == host


def test_3_2_2_the_absolute_form_of_http_1_0_needs_no_host(send):
    seen, response = send(target="http://shop.example.com/a", version="1.0")
    assert response.status == 200
    assert (seen.fields.all("Host"), seen.target) == (["shop.example.com"], "/a")


@pytest.mark.parametrize("target", ["ftp://shop.example.com/", "http:///a", "http://", "http://user@shop.example.com/",
                                    "http://shop.example.com:port/"])
def test_3_2_2_an_absolute_target_that_is_no_http_url_is_refused(shop, target):
    with Client(shop.port) as client:
        assert client.request(target=target).status == 400
    assert shop.legacy.requests == []


# 3.2.3 Authority form.


@pytest.mark.parametrize("target", ["shop.example.com:443", "/", "http://shop.example.com/", "*"])
def test_3_2_3_connect_is_refused_and_opens_no_tunnel(shop, target):
    with Client(shop.port) as client:
        client.send(Client.format("CONNECT", target, {"Host": "shop.example.com:443"}))
        response = client.read()
        assert response.status == (501 if target.endswith("443") else response.status)
        assert response.status in (400, 501)
        assert client.closed()
    assert shop.legacy.connections == 0


def test_3_2_3_the_authority_form_is_for_connect_alone(shop):
    with Client(shop.port) as client:
        assert client.request(target="shop.example.com:443").status == 400
    assert shop.legacy.requests == []


# 3.2.4 Asterisk form.


def test_3_2_4_options_asterisk_is_passed_on_as_it_is(send):
    seen, response = send(method="OPTIONS", target="*")
    assert response.status == 200
    assert (seen.method, seen.target) == ("OPTIONS", "*")


def test_3_2_4_options_of_a_host_without_a_path_becomes_the_asterisk(send):
    """The last proxy on the way must send `*` where the absolute form had neither a
    path nor a query."""
    seen, _ = send(method="OPTIONS", target="http://shop.example.com:8001")
    assert (seen.target, seen.fields.get("Host")) == ("*", "shop.example.com:8001")


@pytest.mark.parametrize("target, origin", [("http://shop.example.com/", "/"),
                                            ("http://shop.example.com?a", "/?a")])
def test_3_2_4_options_with_a_path_or_a_query_keeps_it(send, target, origin):
    seen, _ = send(method="OPTIONS", target=target)
    assert seen.target == origin


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "TRACE"])
def test_3_2_4_the_asterisk_is_for_options_alone(shop, method):
    with Client(shop.port) as client:
        assert client.request(method, "*").status == 400
    assert shop.legacy.requests == []


# 3.3 Reconstructing the target: whose host it is.


@pytest.mark.parametrize("host", ["shop.example.com", "shop.example.com:8080", "[2001:db8::1]"])
def test_3_3_the_host_arrives_as_it_was_sent(send, host):
    seen, response = send([("Host", host)])
    assert response.status == 200
    assert seen.fields.all("Host") == [host]


def test_3_3_an_empty_host_names_no_target(shop):
    """RFC 9110 4.2.1: an http URL without a host is invalid."""
    with Client(shop.port) as client:
        assert client.request(fields={"Host": ""}).status == 400
    assert shop.legacy.requests == []


def test_3_3_a_request_of_http_1_0_without_a_host_is_forwarded_with_an_empty_one(send):
    """RFC 9112 3.2: a request of 1.1 has a Host, and weir speaks 1.1."""
    seen, response = send(version="1.0")
    assert response.status == 200
    assert seen.minor == 1 and len(seen.fields.all("Host")) == 1


# 2.5 Versions.


def test_2_5_weir_answers_in_its_own_version(shop):
    shop.legacy.on("/", Reply(minor=0, body=b"x", close=True))
    with Client(shop.port) as client:
        assert client.request().minor == 1
        assert client.request(target="/next", version="1.0").minor == 1
