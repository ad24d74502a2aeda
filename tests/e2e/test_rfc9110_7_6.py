"""What a proxy does with Connection, Max-Forwards and Via, and what it leaves alone
(RFC 9110 7.6, 7.7)."""
import pytest

from support.client import Client
from support.upstream import Reply
from support.wire import chunked

# 7.6.1 Connection.

HOP_BY_HOP = [("Keep-Alive", "timeout=5"), ("Proxy-Connection", "keep-alive"), ("TE", "gzip"),
              ("Upgrade", "h2c"), ("Proxy-Authorization", "Basic eDp5"),
              ("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA")]


@pytest.mark.parametrize("name, value", HOP_BY_HOP, ids=[n for n, _ in HOP_BY_HOP])
def test_7_6_1_hop_by_hop_fields_of_the_client_end_here(send, name, value):
    seen, response = send([(name, value), ("Connection", name), ("X-Stays", "1")])
    assert response.status == 200
    assert not seen.fields.all(name)
    assert name.lower() not in [e.lower() for e in seen.fields.elements("Connection")]
    assert seen.fields.get("X-Stays") == "1"


def test_7_6_1_fields_that_the_client_nominates_end_here(send):
    seen, _ = send([("Connection", "X-Secret, x-other"), ("X-Secret", "1"), ("X-Other", "2"),
                    ("X-Stays", "3")])
    assert not seen.fields.all("X-Secret") and not seen.fields.all("X-Other")
    assert seen.fields.get("X-Stays") == "3"


def test_7_6_1_fields_that_the_service_nominates_end_here(shop, send):
    shop.legacy.on("/", Reply(fields=(("Connection", "X-Secret"), ("X-Secret", "1"),
                                      ("Keep-Alive", "timeout=5"), ("X-Stays", "3")), body=b"x"))
    _, response = send()
    assert not response.fields.all("X-Secret") and not response.fields.all("Keep-Alive")
    assert response.fields.get("X-Stays") == "3"


def body_with(trailers):
    return chunked([b"abc"])[:-2] + b"".join(b"%s: 1\r\n" % t for t in trailers) + b"\r\n"


@pytest.mark.parametrize("piece", [None, 1], ids=["whole", "byte-by-byte"])
@pytest.mark.parametrize("options, left", [
    (["X-Hop"], ["X-Sum"]), (["keep-alive", "close, x-HOP,"], ["X-Sum"]), (["x-sum, X-Hop"], []),
    (["keep-alive"], ["X-Hop", "X-Sum"]), (["X-Ho, X-Hop-Not"], ["X-Hop", "X-Sum"]),
])
def test_7_6_1_trailers_that_the_client_nominates_end_here(shop, options, left, piece):
    fields = [("Transfer-Encoding", "chunked"), *(("Connection", o) for o in options)]
    with Client(shop.port) as client:
        response = client.request("POST", "/", fields, body_with([b"X-Hop", b"X-Sum"]), piece=piece)
    assert response.status == 200 and shop.legacy.last.body == b"abc"
    assert [n for n, _ in shop.legacy.last.trailers] == left


@pytest.mark.parametrize("options, left", [("X-Hop", ["X-Sum"]), ("X-Sum, x-hop", []), ("X", ["X-Hop", "X-Sum"])])
def test_7_6_1_trailers_that_the_service_nominates_end_here(shop, options, left):
    shop.legacy.on("/down", Reply(framing="chunked", pieces=(b"abc",), fields=(("Connection", options),),
                                  trailers=(("X-Hop", "1"), ("X-Sum", "1"))))
    with Client(shop.port) as client:
        response = client.request(target="/down")
        assert response.body == b"abc" and [n for n, _ in response.trailers] == left
        assert client.request(target="/next").status == 200


def test_7_6_1_what_one_request_nominates_is_not_nominated_by_the_next(shop):
    chunked_too = ("Transfer-Encoding", "chunked")
    with Client(shop.port) as client:
        client.send(Client.format("POST", "/a", [chunked_too, ("Connection", "X-Hop")], body_with([b"X-Hop"]))
                    + Client.format("POST", "/b", [chunked_too], body_with([b"X-Hop"])))
        assert [client.read().status for _ in "ab"] == [200, 200]
    assert [[n for n, _ in r.trailers] for r in shop.legacy.requests] == [[], ["X-Hop"]]


def test_7_6_1_a_body_without_the_trailers_that_were_nominated_just_ends(shop):
    with Client(shop.port) as client:
        fields = {"Transfer-Encoding": "chunked", "Connection": "X-Hop"}
        assert client.request("POST", "/", fields, body_with([])).status == 200
        assert client.request(target="/next").status == 200
    assert (shop.legacy.requests[0].body, shop.legacy.requests[0].trailers) == (b"abc", [])


def test_7_6_1_a_client_cannot_nominate_away_what_weir_sets(send):
    seen, response = send([("Connection", "X-Forwarded-For, Host, Via, X-Request-Id")])
    if response.status == 200:  # or refused, which is as good
        assert seen.fields.get("Host") == "shop.example.com"
        assert seen.fields.elements("X-Forwarded-For")[-1] == "127.0.0.1"
        assert seen.fields.get("X-Request-Id")


@pytest.mark.parametrize("options", [
    [("Connection", "X-SECRET")],
    [("connection", "close , x-secret")],
    [("Connection", "keep-alive"), ("Connection", "x-Secret")],
    [("Connection", ",, x-secret ,,")],
], ids=["in any case", "behind another option", "in a second line", "between empty elements"])
def test_7_6_1_a_field_is_nominated(send, options):
    seen, _ = send([("X-Secret", "1"), *options, ("x-secret", "2"), ("X-Secret-Not", "3")])
    assert not seen.fields.all("X-Secret")
    assert seen.fields.get("X-Secret-Not") == "3"


def test_7_6_1_an_option_without_its_field_is_no_fault(send):
    seen, response = send([("Connection", "not-here")])
    assert response.status == 200 and not seen.fields.all("not-here")


def test_7_6_1_what_the_client_says_of_its_connection_is_not_said_to_the_server(send):
    for options in ("close", "keep-alive", "x-mine, close"):
        seen, _ = send([("Connection", options), ("Keep-Alive", "timeout=9")])
        assert seen.fields.elements("Connection") in ([], ["keep-alive"])


@pytest.mark.parametrize("name", ["Keep-Alive", "Proxy-Connection", "Upgrade", "TE",
                                  "Proxy-Authentication-Info"])
def test_7_6_1_hop_by_hop_fields_of_the_service_end_here(shop, send, name):
    shop.legacy.on("/", Reply(fields=((name, "x"), ("X-Stays", "3")), body=b"x"))
    _, response = send()
    assert not response.fields.all(name)
    assert response.fields.get("X-Stays") == "3"


def test_7_6_1_the_service_cannot_nominate_away_the_framing(shop):
    shop.legacy.on("/", Reply(fields=(("Connection", "Content-Length, Date"),), body=b"body"))
    with Client(shop.port) as client:
        response = client.request()
        assert (response.framing, response.body) == (4, b"body")
        assert response.fields.get("Date")
        assert client.request(target="/next").status == 200


def test_7_6_1_more_options_than_anyone_means_are_refused(shop):
    with Client(shop.port) as client:
        response = client.request(fields={"Connection": ",".join(f"x{n}" for n in range(500))})
        assert response.status in (400, 431)
        assert client.closed()
    assert shop.legacy.requests == []


def test_7_6_1_and_the_refusal_of_a_head_has_no_body(shop):
    with Client(shop.port) as client:
        client.send(Client.format("HEAD", fields={"Connection": ",".join(f"x{n}" for n in range(500))}))
        response = client.read("HEAD")
        assert response.status == 400 and response.fields.get("Content-Length") != "0"
        assert client.closed()  # else a byte of a body has come
    assert shop.legacy.requests == []


# 7.6.2 Max-Forwards.


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE"])
def test_7_6_2_at_max_forwards_0_weir_answers_itself(shop, method):
    with Client(shop.port) as client:
        response = client.request(method, "/page", {"Max-Forwards": "0"})
        assert response.status in ((200, 204) if method == "OPTIONS" else (200, 405, 501))
        assert response.status != 405 or response.fields.all("Allow")  # RFC 9110 15.5.6
        assert client.request(target="/next").body == b"legacy /next\n"
    assert [r.path for r in shop.legacy.requests] == ["/next"]


def test_7_6_2_at_max_forwards_0_weir_answers_for_the_whole_server_too(shop):
    with Client(shop.port) as client:
        assert client.request("OPTIONS", "*", {"Max-Forwards": "0"}).status in (200, 204)
    assert shop.legacy.requests == []


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE"])
@pytest.mark.parametrize("before, after", [("1", "0"), ("10", "9"), ("007", "6")])
def test_7_6_2_max_forwards_is_counted_down(send, method, before, after):
    seen, response = send([("max-forwards", before)], method=method)
    assert response.status == 200
    assert seen.fields.get("Max-Forwards") == after


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE"])
def test_7_6_2_of_several_max_forwards_the_smallest_counts(send, shop, method):
    seen, _ = send([("Max-Forwards", "5"), ("Max-Forwards", "3")], method=method)
    assert seen.fields.all("Max-Forwards") == ["2"]
    with Client(shop.port) as client:
        client.request(method, "/page", [("Max-Forwards", "5"), ("Max-Forwards", "0")])
    assert not [r for r in shop.legacy.requests if r.path == "/page"]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_7_6_2_max_forwards_of_other_methods_means_nothing(send, method):
    seen, response = send([("Max-Forwards", "0")], method=method, body=b"")
    assert response.status == 200
    assert seen.fields.get("Max-Forwards") == "0"


@pytest.mark.parametrize("value", ["", "-1", "x", "0, 5"])
def test_7_6_2_a_max_forwards_that_is_no_number_harms_no_one_and_goes_on(send, value):
    seen, response = send([("Max-Forwards", value)], method="OPTIONS")
    assert response.status == 200 and seen.method == "OPTIONS"
    assert seen.fields.all("Max-Forwards") == [value]


def test_7_6_2_a_max_forwards_beyond_all_counting_counts_as_the_largest(send):
    seen, _ = send([("Max-Forwards", "99999999999999999999999")], method="OPTIONS")
    assert seen.fields.get("Max-Forwards") == str(2**64 - 2)


# 7.6.3 Via.


def test_7_6_3_weir_names_itself_in_via(send):
    seen, _ = send()
    assert [v.split()[0] for v in seen.fields.elements("Via")] == ["1.1"]


def test_7_6_3_via_of_those_before_is_kept(send):
    seen, _ = send([("Via", "1.0 fred")], version="1.0")
    assert seen.fields.elements("Via")[0] == "1.0 fred"
    assert seen.fields.elements("Via")[1].split()[0] == "1.0"  # the version received


def test_7_6_3_via_keeps_its_order_over_several_lines(send):
    seen, _ = send([("Via", "1.1 a, 1.0 b (c)"), ("Accept", "*/*"), ("via", "2 d")])
    assert seen.fields.elements("Via") == ["1.1 a", "1.0 b (c)", "2 d", "1.1 weir"]


def test_7_6_3_weir_names_itself_in_the_answers_via(send):
    _, response = send()
    assert response.fields.elements("Via") == ["1.1 weir"]


@pytest.mark.parametrize("minor", [0, 1])
def test_7_6_3_via_says_in_which_version_the_answer_came(shop, minor):
    shop.legacy.on("/", Reply(minor=minor, fields=(("Via", "1.1 cache"),), body=b"x", close=True))
    with Client(shop.port) as client:
        response = client.request()
    assert response.minor == 1
    assert response.fields.elements("Via") == ["1.1 cache", f"1.{minor} weir"]


# 7.7 Message transformations.


@pytest.mark.parametrize("target", [
    "/a%2Fb/%63?x=%41&y=%2b", "/a/../b/./c", "//a///b//", "/a;v=1/b,c?", "/?", "/?a?b=/c", "/~a!$&'()*+,;=:@",
])
def test_7_7_the_path_and_the_query_arrive_as_they_were_sent(send, target):
    seen, response = send(target=target)
    assert response.status == 200
    assert seen.target == target


def test_7_7_content_is_not_transformed(shop, send):
    body = bytes(range(256)) * 20
    fields = (("Content-Type", "text/html"), ("Content-Encoding", "gzip"),
              ("Cache-Control", "no-transform"), ("Digest", "sha-256=x"))
    shop.legacy.on("/", Reply(fields=fields, body=body))
    seen, response = send(fields, method="POST", body=body)
    assert response.body == body and seen.body == body
    for name, value in fields:
        assert response.fields.get(name) == value
        assert seen.fields.get(name) == value


def test_7_7_the_status_and_its_words_are_the_services_own(shop, send):
    shop.legacy.on("/", Reply(raw=b"HTTP/1.1 299 All  quite \xe9well\r\nContent-Length: 0\r\n\r\n"))
    _, response = send()
    assert (response.status, response.reason) == (299, "All  quite \xe9well")
