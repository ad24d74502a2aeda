"""The proxies of the comparison, each as an expert would set it up for this one task:
10% of users, by a hash of X-User-Id, to the canary, the rest to legacy; connections
kept on both sides; the client's address passed on; no access log; one worker.

weir does more than asked of the others (budgets and a histogram for each path class
and arm, a request id, Via), at its default settings."""
from dataclasses import dataclass

HOST, PATH = "h{:05}.example.com", "/c{:05}"


@dataclass(frozen=True)
class Setup:
    """What a part of the benchmark asks of proxies and origins."""
    body_bytes: int = 32
    routes: int = 1          # told apart by host
    classes: int = 1         # path classes of weir; 0: those it finds by itself
    paths: int = 1           # paths that the requests go round
    servers: int = 2         # of both arms together
    connections: int = 4096  # that the proxies are made ready for
    splice: bool = False     # HAProxy's; weir splices by itself, nginx cannot

    def addresses(self):
        return [f"127.0.0.{n + 1}" for n in range(self.servers // 2)]


NGINX = """
user root; daemon off; worker_processes 1; pid @DIR@/nginx.pid; error_log @DIR@/error.log;
worker_rlimit_nofile {files};
{alone}
events {{ worker_connections {files}; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path @DIR@/body; proxy_temp_path @DIR@/proxy; fastcgi_temp_path @DIR@/fastcgi;
  uwsgi_temp_path @DIR@/uwsgi; scgi_temp_path @DIR@/scgi;
  server_names_hash_max_size 65536; server_names_hash_bucket_size 128;
  split_clients $http_x_user_id $arm {{ 10% canary; * legacy; }}
  upstream legacy {{ {legacy} keepalive {kept}; keepalive_requests 1000000000; }}
  upstream canary {{ {canary} keepalive {kept}; keepalive_requests 1000000000; }}
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-For $remote_addr;
  proxy_set_header X-Forwarded-Proto $scheme;
{sites}
}}
"""


def nginx(setup, ports, folder, alone):
    def servers(port):
        return " ".join(f"server {a}:{port};" for a in setup.addresses())

    def site(name, first):
        listen = "127.0.0.1:@PORT@" + (" backlog=4096" if first else "")
        return f"server {{ listen {listen}; {name}location / {{ proxy_pass http://$arm; }} }}"

    sites = [site("", True)]
    if setup.routes > 1:
        sites = [site(f"server_name {HOST.format(n)}; ", n == 0) for n in range(setup.routes)]
    return NGINX.format(legacy=servers(ports[0]), canary=servers(ports[1]), sites="\n".join(sites),
                        files=2 * setup.connections, kept=max(128, 8 * setup.servers),
                        alone="master_process off;" if alone else "")


# splice-response with large pipes, not splice-auto: that one never splices these
# bodies (strace tells), and pipes of 64 KiB cost a third more.
# xxh32, not xxh64: HAProxy's integers are signed, and a signed remainder is negative
# for half of the users.
HAPROXY = """
global
  nbthread 1
  maxconn {connections}
  {pipes}
defaults
  mode http
  option http-keep-alive
  option forwardfor
  {splice}
  http-reuse always
  timeout connect 2s
  timeout client 75s
  timeout http-request 10s
  timeout server 15s
frontend web
  bind 127.0.0.1:@PORT@ backlog 4096
  http-request set-header X-Forwarded-Proto http
  {lookup}
  use_backend canary if {{ req.hdr(X-User-Id),xxh32,mod(1000000) lt 100000 }}
  default_backend legacy
backend legacy
{legacy}
backend canary
{canary}
"""


def haproxy(setup, ports, folder, alone):
    def servers(port):
        return "\n".join(f"  server s{n} {address}:{port} pool-max-conn 128"
                         for n, address in enumerate(setup.addresses()))

    lookup = ""
    if setup.routes > 1:
        known = folder / "routes.map"
        known.write_text("".join(f"{HOST.format(n)} route{n}\n" for n in range(setup.routes)))
        lookup = (f"http-request set-var(txn.route) req.hdr(host),lower,map_str({known})\n"
                  "  http-request deny deny_status 404 unless { var(txn.route) -m found }")
    return HAPROXY.format(legacy=servers(ports[0]), canary=servers(ports[1]), lookup=lookup,
                          connections=setup.connections,
                          splice="option splice-response" if setup.splice else "",
                          pipes="tune.pipesize 1048576" if setup.splice else "")


WEIR = """
[weir]
workers = 1
state_dir = @DIR@
admin_socket = @DIR@/admin.sock
[listen web]
address = 127.0.0.1:@PORT@
[upstream legacy]
{legacy}
[upstream canary]
{canary}
"""
WEIR_ROUTE = """
[route r{n}]
{host}legacy = legacy
canary = canary
sticky = header:X-User-Id
weight = 10%
error_budget = 0.1%
latency_budget = 1% > 250ms
{classes}
"""


def weir(setup, ports, folder, alone):
    def servers(port):
        return "\n".join(f"server = {address}:{port}" for address in setup.addresses())

    classes = ["/:shop/orders/:id"] if setup.classes == 1 else [
        f"{PATH.format(n)}/orders/:id" for n in range(setup.classes)]
    config = [WEIR.format(legacy=servers(ports[0]), canary=servers(ports[1]))]
    for n in range(setup.routes):
        host = f"host = {HOST.format(n)}\n" if setup.routes > 1 else ""
        config.append(WEIR_ROUTE.format(n=n, host=host, classes="\n".join(
            f"path_class = {c}" for c in classes)))
    return "".join(config)


# name: (configuration, command, command that prints the version)
PROXIES = {
    "weir": (weir, ["@WEIR@", "run", "@FILE@"], ["@WEIR@", "--version"]),
    "nginx": (nginx, ["/usr/sbin/nginx", "-c", "@FILE@"], ["/usr/sbin/nginx", "-v"]),
    "haproxy": (haproxy, ["/usr/sbin/haproxy", "-db", "-f", "@FILE@"],
                ["/usr/sbin/haproxy", "-v"]),
}
