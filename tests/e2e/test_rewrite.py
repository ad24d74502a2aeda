"""What a route changes in the messages it passes on, and the answers it gives itself
(docs/headers.md)."""
import pytest

from support.client import Client
from support.cohort import bucket, is_canary
from support.upstream import Reply
from support.weir import section, settings
from support.wire import chunked


@pytest.fixture
def through(upstream, weir):
    """through(route keys) -> a weir whose .legacy is its upstream."""

    def one(route, rest="", listen=None, **options):
        legacy = upstream("legacy")
        running = weir(settings(legacy, route=route, rest=rest, listen=listen), **options)
        running.legacy = legacy
        return running

    return one


def get(running, target="/", method="GET", fields=(), **options):
    with Client(running.port) as client:
        return client.request(method, target, fields, **options)


# Header rules.


def test_request_headers_are_removed_set_and_added(through):
    running = through({"request_header_remove": ["Cookie", "x-gone"], "request_header_set": ["X-Set: new", "X-New: n"],
                       "request_header_add": ["X-Add: more", "X-Add: most"]})
    get(running, fields=[("Cookie", "a"), ("X-Gone", "1"), ("x-set", "old"), ("X-Add", "old"), ("COOKIE", "b"),
                         ("X-Set", "older"), ("X-Stays", "1")])
    seen = running.legacy.last.fields
    assert not seen.all("Cookie") and not seen.all("X-Gone")
    assert (seen.all("X-Set"), seen.all("X-New")) == (["new"], ["n"])
    assert seen.all("X-Add") == ["old", "more", "most"]
    assert seen.get("X-Stays") == "1"


def test_response_headers_are_removed_set_and_added(through):
    running = through({"response_header_remove": "Server", "response_header_set": ["X-Set: new", "X-New: n"],
                       "response_header_add": "Set-Cookie: b=2; Path=/"})
    running.legacy.on("/", Reply(body=b"x", fields=(("Server", "s"), ("x-set", "old"), ("X-SET", "older"),
                                                    ("Set-Cookie", "a=1"), ("X-Stays", "1"))))
    seen = get(running).fields
    assert not seen.all("Server")
    assert (seen.all("X-Set"), seen.all("X-New")) == (["new"], ["n"])
    assert seen.all("Set-Cookie") == ["a=1", "b=2; Path=/"]
    assert seen.get("X-Stays") == "1"


@pytest.mark.parametrize("how", [{}, {"framing": "chunked"}, {"framing": "close"}, {"status": 304}, {"status": 500}])
def test_response_rules_hold_for_answers_of_every_kind(through, how):
    running = through({"response_header_set": "X-Set: new"})
    running.legacy.on("/", Reply(body=b"body" if how.get("status") != 304 else b"", **how))
    response = get(running)
    assert response.fields.get("X-Set") == "new"
    assert response.body == (b"" if how.get("status") == 304 else b"body")


def test_rules_keep_a_body_in_step(through):
    running = through({"request_header_set": [f"X-A{n}: " + "a" * 150 for n in range(30)],
                       "response_header_add": ["X-B: " + "b" * 150] * 30})
    body = b"x" * 100_000
    running.legacy.on("/", Reply(body=body))
    with Client(running.port) as client:
        for _ in range(3):
            assert client.request("POST", "/", body=body).body == body
            response = client.request("POST", "/", {"Transfer-Encoding": "chunked"}, chunked([body, b"y"]))
            assert response.body == body
    assert [len(r.body) for r in running.legacy.requests] == [100_000, 100_001] * 3


VARIABLES = {"client_ip": "127.0.0.1", "request_id": "id-1", "method": "PUT", "scheme": "http",
             "host": "shop.example.com", "path": "/a/b%20c", "query": "d=e&f", "route": "shop", "release": "r1",
             "arm": "legacy", "bucket": str(bucket("shop", "user-1"))}


def test_variables_mean_the_request_as_the_client_sent_it(upstream, weir):
    rules = [f"X-Its-{name.replace('_', '-')}: <${{{name}}}> $$" for name in VARIABLES]
    legacy = upstream("legacy")
    running = weir(settings(legacy, upstream("canary"), route={
        "weight": "0%", "request_header_set": rules, "response_header_set": rules,
        "strip_prefix": "/a", "host_rewrite": "internal"}))
    response = get(running, "/a/b%20c?d=e&f", "PUT", [("Host", "shop.example.com:8080"), ("X-Request-Id", "id-1"),
                                                      ("X-User-Id", "user-1")], body=b"x")
    for name, value in VARIABLES.items():
        assert legacy.last.fields.get(f"X-Its-{name.replace('_', '-')}") == f"<{value}> $"
        assert response.fields.get(f"X-Its-{name.replace('_', '-')}") == f"<{value}> $"


def test_the_arm_and_the_bucket_are_those_of_the_user(upstream, weir):
    running = weir(settings(upstream("legacy"), upstream("canary"), route={
        "weight": "50%", "response_header_set": ["X-Served-By: ${arm}", "X-Bucket: ${bucket}"]}))
    with Client(running.port) as client:
        for user in (f"user-{n}" for n in range(30)):
            response = client.request(fields={"X-User-Id": user})
            arm = "canary" if is_canary("shop", user, 500_000) else "legacy"
            assert (response.arm, response.fields.get("X-Served-By")) == (arm, arm)
            assert response.fields.get("X-Bucket") == str(bucket("shop", user))


def test_a_variable_without_a_value_leaves_an_empty_header(through):
    running = through({"request_header_set": ["X-Q: ${query}", "X-B: ${bucket}", "X-R: ${release}"]})
    assert get(running).status == 200
    assert [running.legacy.last.fields.get(n) for n in ("X-Q", "X-B", "X-R")] == ["", "", ""]


def test_what_a_client_writes_into_a_variable_stays_in_its_header(through):
    """A path holds no space, CR or LF, so a value made of it cannot begin a line."""
    running = through({"request_header_set": "X-Path: ${path}?${query}", "response_header_set": "X-Path: ${path}"})
    response = get(running, "/a%0d%0aX-Evil:1?%0d%0a")
    assert running.legacy.last.fields.get("X-Path") == "/a%0d%0aX-Evil:1?%0d%0a"
    assert response.fields.get("X-Path") == "/a%0d%0aX-Evil:1"
    assert not running.legacy.last.fields.all("X-Evil") and not response.fields.all("X-Evil")


def test_a_rule_can_set_what_weir_set(through):
    running = through({"request_header_set": "X-Forwarded-Proto: https", "request_header_remove": "X-Forwarded-For"})
    get(running)
    assert running.legacy.last.fields.all("X-Forwarded-Proto") == ["https"]
    assert not running.legacy.last.fields.all("X-Forwarded-For")


@pytest.mark.parametrize("fields", [(), (("Date", "Sun, 06 Nov 1994 08:49:37 GMT"),)], ids=["none", "the server's"])
def test_a_date_that_is_set_is_the_only_one(through, fields):
    running = through({"response_header_set": ["Date: now", "Server: mine"]})
    running.legacy.on("/", Reply(body=b"x", fields=(("Server", "theirs"),) + fields))
    seen = get(running).fields
    assert (seen.all("Date"), seen.all("Server")) == (["now"], ["mine"])


# Rules and trailers.

CHUNKED = ("Transfer-Encoding", "chunked")
TRAILERS = (("X-User", "1"), ("x-admin", "2"), ("X_User", "3"), ("X-Added", "4"), ("X-Sum", "5"))


def chunked_with_trailers():
    return chunked([b"abc"])[:-2] + "".join(f"{n}: {v}\r\n" for n, v in TRAILERS).encode() + b"\r\n"


@pytest.mark.parametrize("policy, underscore", [("drop", []), ("allow", [("X_User", "3")])])
def test_a_client_cannot_send_behind_the_body_what_a_rule_took_from_the_head(upstream, weir, policy, underscore):
    legacy = upstream("legacy")
    running = weir(settings(legacy, listen={"underscores": policy}, route={
        "request_header_set": "X-User: ${client_ip}", "request_header_remove": "X-Admin",
        "request_header_add": "X-Added: 0", "response_header_remove": "X-Sum"}))
    for _ in range(2):
        assert get(running, "/", "POST", [CHUNKED], body=chunked_with_trailers()).status == 200
        assert legacy.last.trailers == underscore + [("X-Added", "4"), ("X-Sum", "5")]
        assert legacy.last.fields.all("X-User") == ["127.0.0.1"]


def test_response_rules_hold_for_trailers_too(through):
    running = through({"response_header_set": "X-User: mine", "response_header_remove": "X-Admin",
                       "response_header_add": "X-Added: 0", "request_header_remove": "X-Sum"})
    running.legacy.on("/", Reply(framing="chunked", pieces=(b"abc",), trailers=TRAILERS))
    response = get(running)
    assert response.trailers == [("X_User", "3"), ("X-Added", "4"), ("X-Sum", "5")]
    assert response.fields.all("X-User") == ["mine"]


def test_rules_of_a_response_do_not_touch_weirs_own_errors(unreachable, weir):
    running = weir(settings(unreachable("refused"), route={"response_header_set": "X-Set: new"}))
    response = get(running)
    assert response.status == 502 and not response.fields.all("X-Set")


# Paths and hosts.


@pytest.mark.parametrize("keys, target, seen", [
    ({"strip_prefix": "/api"}, "/api/orders?x=1", "/orders?x=1"),
    ({"strip_prefix": "/api"}, "/api", "/"),
    ({"strip_prefix": "/api"}, "/api?x", "/?x"),
    ({"strip_prefix": "/api"}, "/api/", "/"),
    ({"strip_prefix": "/api"}, "/apis", "/apis"),
    ({"strip_prefix": "/api"}, "/%61pi/x", "/%61pi/x"),
    ({"strip_prefix": "/api"}, "/api//x", "//x"),
    ({"strip_prefix": "/api"}, "/", "/"),
    ({"add_prefix": "/v2"}, "/orders?x", "/v2/orders?x"),
    ({"add_prefix": "/v2"}, "/", "/v2/"),
    ({"add_prefix": "/v2"}, "/?x", "/v2/?x"),
    ({"strip_prefix": "/api", "add_prefix": "/v2"}, "/api/orders?x=1", "/v2/orders?x=1"),
    ({"strip_prefix": "/api", "add_prefix": "/v2"}, "/api", "/v2/"),
    ({"strip_prefix": "/api", "add_prefix": "/v2"}, "/apis", "/v2/apis"),
    ({"strip_prefix": "/api", "add_prefix": "/v2"}, "http://shop.example.com/api/x", "/v2/x"),
    ({"strip_prefix": "/api", "add_prefix": "/v2"}, "http://shop.example.com", "/v2/"),
])
def test_a_prefix_is_stripped_and_added(through, keys, target, seen):
    running = through(keys)
    with Client(running.port) as client:
        assert client.request(target=target).status == 200
        assert client.request("POST", target, body=b"data").status == 200
    assert [r.target for r in running.legacy.requests] == [seen, seen]
    assert running.legacy.last.body == b"data"


def test_options_of_the_whole_server_has_no_path_to_rewrite(through):
    running = through({"strip_prefix": "/api", "add_prefix": "/v2"})
    assert get(running, "*", "OPTIONS").status == 200
    assert running.legacy.last.target == "*"
    assert get(running, "http://shop.example.com", "OPTIONS").status == 200
    assert running.legacy.last.target == "*"
    assert get(running, "http://shop.example.com/", "OPTIONS").status == 200
    assert running.legacy.last.target == "/v2/"


def test_the_host_is_rewritten_and_the_clients_is_told(through):
    running = through({"host_rewrite": "internal:8080"})
    for target in ("/", "http://shop.example.com/"):
        get(running, target)
        assert running.legacy.last.fields.all("Host") == ["internal:8080"]
        assert running.legacy.last.fields.get("X-Forwarded-Host") == "shop.example.com"
    get(running, version="1.0")
    assert running.legacy.last.fields.all("Host") == ["internal:8080"]


def test_a_rewritten_request_is_repeated_as_it_was(upstream, weir):
    legacy = upstream("legacy")
    running = weir(settings(legacy, route={"strip_prefix": "/api", "host_rewrite": "in",
                                           "request_header_set": "X-A: ${path}"}), workers=1)
    legacy.on(lambda r: r.nth > 1, Reply(cut=0))
    with Client(running.port) as client:
        client.request(target="/api/first")
        assert client.request(target="/api/second").status == 200
    again = [r for r in legacy.requests if r.path == "/second"]
    assert len(again) == 2 and again[0].head == again[1].head


# Names with underscores.


@pytest.mark.parametrize("policy", [None, "drop", "allow"])
def test_headers_with_underscores_pass_only_where_they_are_allowed(upstream, weir, policy):
    legacy = upstream("legacy")
    running = weir(settings(legacy, listen={"underscores": policy} if policy else None))
    legacy.on("/", Reply(body=b"x", fields=(("X_Answer", "1"),)))
    response = get(running, fields=[("X_User", "admin"), ("Content_Length", "5"), ("X-User", "me")])
    seen = legacy.last.fields
    assert seen.all("X_User") == (["admin"] if policy == "allow" else [])
    assert seen.all("Content_Length") == (["5"] if policy == "allow" else [])
    assert seen.get("X-User") == "me"
    assert response.fields.get("X_Answer") == "1"  # a server's own affair


# Redirects and fixed answers.


def answering(weir, keys, **options):
    return weir(section("listen web", {"address": "127.0.0.1:0"}) + section("route fixed", keys), **options)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_route_redirects(weir, status):
    running = answering(weir, {"redirect": f"{status} https://shop.example.com${{path}}?${{query}}"})
    response = get(running, "/a%20b?c=d")
    assert response.status == status
    assert response.fields.get("Location") == "https://shop.example.com/a%20b?c=d"
    assert response.fields.get("Date") and response.framing == 0
    assert get(running, "/a").fields.get("Location") == "https://shop.example.com/a"


def test_a_redirect_leads_to_the_host_that_was_asked_for(weir):
    running = answering(weir, {"redirect": "308 https://${host}${path}"})
    assert get(running, "/a", fields={"Host": "a.example:80"}).fields.get("Location") == "https://a.example/a"
    assert get(running, "/a", version="1.0").status == 400


@pytest.mark.parametrize("query", [".evil.example/", "@evil.example", "/evil.example", "//evil.example"])
@pytest.mark.parametrize("location", ["https://good.example/${query}", "https://good.example?${query}", "//good.example/${query}",
                                      "https://good.example${path}?${query}"])
def test_a_query_does_not_become_part_of_a_host(weir, location, query):
    running = answering(weir, {"redirect": f"302 {location}"})
    led_to = get(running, "/a?" + query).fields.get("Location")
    assert led_to.partition("//")[2].startswith(("good.example/", "good.example?"))


@pytest.mark.parametrize("target", ["//evil.example/x", "///evil.example", "/\\evil.example", "//evil.example"])
def test_a_client_cannot_lead_a_redirect_to_another_host(weir, target):
    running = answering(weir, {"redirect": "302 ${path}"})
    response = get(running, target)
    assert response.status == 400 or not response.fields.get("Location")[1:2] in ("/", "\\")


@pytest.mark.parametrize("keys, status, body", [
    ({"respond": "200 ok"}, 200, b"ok"), ({"respond": "503 back at noon"}, 503, b"back at noon"),
    ({"respond": "404"}, 404, b""), ({"respond": "299"}, 299, b""),
])
def test_a_route_answers_itself(weir, keys, status, body):
    running = answering(weir, {**keys, "response_header_set": "X-Set: ${path}"})
    response = get(running, "/a")
    assert (response.status, response.body, response.framing) == (status, body, len(body))
    assert response.fields.get("X-Set") == "/a"
    if body:
        assert response.fields.get("Content-Type").startswith("text/plain")


@pytest.mark.parametrize("keys", [{"respond": "200 ok"}, {"redirect": "302 /b"}], ids=["respond", "redirect"])
def test_rules_of_an_own_answer_hold_for_all_its_headers(weir, keys):
    seen = get(answering(weir, keys)).fields
    assert seen.all("Server") == ["weir"] and len(seen.all("Date")) == 1
    seen = get(answering(weir, {**keys, "response_header_set": ["Server: mine", "Date: now"]})).fields
    assert (seen.all("Server"), seen.all("Date")) == (["mine"], ["now"])
    seen = get(answering(weir, {**keys, "response_header_remove": "Server"})).fields
    assert seen.all("Server") == [] and len(seen.all("Date")) == 1


@pytest.mark.parametrize("status", [204, 205, 304])
def test_a_route_answers_without_a_body_where_there_can_be_none(weir, status):
    running = answering(weir, {"respond": str(status)})
    with Client(running.port) as client:
        for _ in range(2):
            response = client.request()
            assert (response.status, response.body) == (status, b"")


@pytest.mark.parametrize("keys", [{"respond": "200 ok"}, {"redirect": "302 /b"}], ids=["respond", "redirect"])
class TestAnAnswerOfTheRoutesOwn:
    def test_keeps_the_connection(self, weir, keys):
        with Client(answering(weir, keys).port) as client:
            for _ in range(20):
                response = client.request()
                assert response.status < 400 and not response.fields.all("Connection")

    def test_closes_the_connection_where_the_client_asks_for_it(self, weir, keys):
        running = answering(weir, keys)
        for options in ({"fields": {"Connection": "close"}}, {"version": "1.0"}):
            with Client(running.port) as client:
                assert client.request(**options).status < 400
                assert client.closed()

    def test_keeps_the_connection_of_http_1_0_where_it_asks_for_it(self, weir, keys):
        with Client(answering(weir, keys).port) as client:
            for _ in range(3):
                response = client.request(version="1.0", fields={"Connection": "keep-alive"})
                assert response.fields.elements("Connection") == ["keep-alive"]

    def test_has_no_body_for_head_but_its_length(self, weir, keys):
        with Client(answering(weir, keys).port) as client:
            head, whole = client.request("HEAD"), client.request("GET")
            assert head.status == whole.status
            assert head.fields.get("Content-Length") == whole.fields.get("Content-Length")

    @pytest.mark.parametrize("piece", [None, 7], ids=["whole", "in pieces"])
    def test_does_not_take_a_body_for_the_next_request(self, weir, keys, piece):
        with Client(answering(weir, keys).port) as client:
            for body, fields in ((b"GET /evil HTTP/1.1\r\n\r\n", {}),
                                 (chunked([b"abc", b"de"]), {"Transfer-Encoding": "chunked"})):
                response = client.request("POST", "/", fields, body, piece=piece)
                assert response.status < 400
                if response.fields.elements("Connection") == ["close"]:
                    break
                assert client.request().status == response.status

    def test_comes_for_each_of_pipelined_requests(self, weir, keys):
        with Client(answering(weir, keys).port) as client:
            client.send(Client.format() * 100)
            assert len({client.read().status for _ in range(100)}) == 1

    def test_answers_who_expects_100(self, weir, keys):
        with Client(answering(weir, keys).port) as client:
            client.send(Client.format("POST", "/", {"Expect": "100-continue", "Content-Length": "5"}))
            assert client.read().status < 400


@pytest.mark.parametrize("keys, phrase", [({"redirect": "301 /b"}, "Moved Permanently"), ({"redirect": "308 /b"}, "Permanent Redirect"),
                                          ({"respond": "204"}, "No Content"), ({"respond": "403 no"}, "Forbidden")])
def test_the_status_line_of_an_own_answer_has_its_words(weir, keys, phrase):
    assert get(answering(weir, keys)).reason == phrase


def test_response_rules_hold_for_interim_responses(through):
    running = through({"response_header_remove": "X-Secret", "response_header_set": "X-Set: new"})
    hints = b"HTTP/1.1 103 Early Hints\r\nX-Secret: s\r\nX-Set: old\r\nLink: </a>\r\n\r\n"
    running.legacy.on("/", Reply(interim=(hints,), body=b"x"))
    (seen,) = get(running).interim
    assert not seen.fields.all("X-Secret")
    assert seen.fields.all("X-Set") == ["new"]
    assert seen.fields.all("Link") == ["</a>"]


@pytest.mark.parametrize("kind, status", [("request", 431), ("response", 502)])
def test_a_head_that_the_rules_make_too_large_is_answered_and_no_failure_of_the_arm(through, kind, status):
    rules = [f"X-Path-{n}: <${{path}}>" for n in range(2)]
    running = through({f"{kind}_header_set": rules}, listen={"max_head": "128k", "max_uri": "120k"})
    answer = get(running, "/" + "a" * 90000)
    assert answer.status == status
    arm = running.counted(1)["arms"]["legacy"]
    assert not any(arm["failures_by_kind"].values())
    assert get(running).status == 200
