"""Which fields travel on, which end here, and which weir sets (RFC 9110 7.6)."""
import pytest

from support.client import Client
from support.upstream import Reply


@pytest.fixture
def send(shop):
    """Sends one request with fields; returns what the upstream saw, and the response."""

    def one(fields=(), **options):
        with Client(shop.port) as client:
            response = client.request(fields=fields, **options)
        return shop.legacy.last, response

    return one


def test_fields_of_the_client_arrive_in_order_and_as_written(send):
    mine = [("Accept", "*/*"), ("X-One", "1"), ("x-two", "a, b"), ("X-One", "2"),
            ("Cookie", "sid=abc; theme=dark"), ("Authorization", "Bearer x.y.z"),
            ("User-Agent", "curl/8 (x; y)"), ("Empty", "")]
    seen, _ = send(mine)
    assert [f for f in seen.fields if f in mine] == mine
    assert seen.fields.get("Host") == "shop.example.com"


def test_fields_of_the_service_arrive_in_order_and_as_written(shop, send):
    mine = (("Content-Type", "text/html"), ("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2"),
            ("Cache-Control", "no-store"), ("ETag", 'W/"x"'), ("x-lower", "1"))
    shop.legacy.on("/", Reply(fields=mine, body=b"x"))
    _, response = send()
    assert tuple(f for f in response.fields if f in mine) == mine
    assert response.fields.get("Date") == "Sun, 22 Nov 2026 10:00:00 GMT"


HOP_BY_HOP = [("Keep-Alive", "timeout=5"), ("Proxy-Connection", "keep-alive"), ("TE", "gzip"),
              ("Upgrade", "h2c"), ("Proxy-Authorization", "Basic eDp5"),
              ("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA")]


@pytest.mark.parametrize("name, value", HOP_BY_HOP, ids=[n for n, _ in HOP_BY_HOP])
def test_hop_by_hop_fields_of_the_client_end_here(send, name, value):
    seen, response = send([(name, value), ("Connection", name), ("X-Stays", "1")])
    assert response.status == 200
    assert not seen.fields.all(name)
    assert name.lower() not in [e.lower() for e in seen.fields.elements("Connection")]
    assert seen.fields.get("X-Stays") == "1"


def test_fields_that_the_client_nominates_end_here(send):
    seen, _ = send([("Connection", "X-Secret, x-other"), ("X-Secret", "1"), ("X-Other", "2"),
                    ("X-Stays", "3")])
    assert not seen.fields.all("X-Secret") and not seen.fields.all("X-Other")
    assert seen.fields.get("X-Stays") == "3"


def test_fields_that_the_service_nominates_end_here(shop, send):
    shop.legacy.on("/", Reply(fields=(("Connection", "X-Secret"), ("X-Secret", "1"),
                                      ("Keep-Alive", "timeout=5"), ("X-Stays", "3")), body=b"x"))
    _, response = send()
    assert not response.fields.all("X-Secret") and not response.fields.all("Keep-Alive")
    assert response.fields.get("X-Stays") == "3"


def test_a_client_cannot_nominate_away_what_weir_sets(send):
    seen, response = send([("Connection", "X-Forwarded-For, Host, Via, X-Request-Id")])
    if response.status == 200:  # or refused, which is as good
        assert seen.fields.get("Host") == "shop.example.com"
        assert seen.fields.elements("X-Forwarded-For")[-1] == "127.0.0.1"
        assert seen.fields.get("X-Request-Id")


def test_the_upstream_is_told_who_asked_and_how(send):
    seen, _ = send()
    assert seen.fields.elements("X-Forwarded-For") == ["127.0.0.1"]
    assert seen.fields.get("X-Forwarded-Proto") == "http"
    assert seen.fields.get("X-Forwarded-Host") == "shop.example.com"


def test_a_client_cannot_pretend_to_be_someone_else(send):
    seen, _ = send([("X-Forwarded-For", "10.1.2.3"), ("X-Forwarded-Proto", "https")])
    assert seen.fields.elements("X-Forwarded-For")[-1] == "127.0.0.1"
    assert seen.fields.elements("X-Forwarded-Proto")[-1] == "http"


def test_weir_names_itself_in_via(send):
    seen, _ = send()
    assert [v.split()[0] for v in seen.fields.elements("Via")] == ["1.1"]


def test_via_of_those_before_is_kept(send):
    seen, _ = send([("Via", "1.0 fred")], version="1.0")
    assert seen.fields.elements("Via")[0] == "1.0 fred"
    assert seen.fields.elements("Via")[1].split()[0] == "1.0"  # the version received


def test_a_request_id_is_kept(send):
    seen, _ = send([("X-Request-Id", "abc-123")])
    assert seen.fields.get("X-Request-Id") == "abc-123"


def test_a_request_without_an_id_is_given_one_of_its_own(send):
    ids = {send()[0].fields.get("X-Request-Id") for _ in range(20)}
    assert len(ids) == 20
    assert all(len(i) >= 16 for i in ids)


@pytest.mark.parametrize("identity", ["x" * 1000, "a b c"], ids=["over-long", "spaces"])
def test_a_request_id_that_makes_trouble_is_replaced(send, identity):
    seen, response = send([("X-Request-Id", identity)])
    assert response.status == 200
    assert seen.fields.get("X-Request-Id") != identity


def test_an_absolute_target_decides_over_host(send):
    """RFC 9112 3.2.2: the proxy must ignore Host and use the target's."""
    seen, _ = send([("Host", "other.example.com")], target="http://shop.example.com/a?b=1")
    assert seen.fields.get("Host") == "shop.example.com"
    assert seen.target == "/a?b=1"


def test_the_upstream_is_spoken_to_in_http_1_1(send):
    seen, _ = send(version="1.0", fields=[("Host", "shop.example.com")])
    assert seen.minor == 1
