"""Which fields travel on, which end here, and which weir sets (RFC 9110 7.6)."""
import pytest

from support.upstream import Reply


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


def test_the_upstream_is_spoken_to_in_http_1_1(send):
    seen, _ = send(version="1.0", fields=[("Host", "shop.example.com")])
    assert seen.minor == 1
