"""The proxies of the comparison, each as an expert would set it up for this one task:
10% of users, by a hash of X-User-Id, to the canary, the rest to legacy; connections
kept on both sides; the client's address passed on; no access log. One worker."""

UPSTREAM = """
user root; daemon off; worker_processes 1; pid @DIR@/nginx.pid; error_log @DIR@/error.log;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000000;
  server { listen 127.0.0.1:@PORT@ backlog=4096;
           location / { add_header X-Arm legacy; return 200 "hello from legacy, version one\\n"; } }
  server { listen 127.0.0.1:@CANARY@ backlog=4096;
           location / { add_header X-Arm canary; return 200 "hello from canary, version two\\n"; } }
}
"""

NGINX = """
user root; daemon off; worker_processes 1; pid @DIR@/nginx.pid; error_log @DIR@/error.log;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000000;
  split_clients $http_x_user_id $arm { 10% canary; * legacy; }
  upstream legacy { server 127.0.0.1:@LEGACY@; keepalive 128; keepalive_requests 1000000000; }
  upstream canary { server 127.0.0.1:@CANARY@; keepalive 128; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:@PORT@ backlog=4096;
    location / {
      proxy_pass http://$arm;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
    }
  }
}
"""

# xxh32, not xxh64: HAProxy's integers are signed, and a signed remainder is negative
# for half of the users.
HAPROXY = """
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  option http-keep-alive
  option forwardfor
  http-reuse always
  timeout connect 2s
  timeout client 75s
  timeout server 15s
frontend web
  bind 127.0.0.1:@PORT@ backlog 4096
  http-request set-header X-Forwarded-Proto http
  use_backend canary if { req.hdr(X-User-Id),xxh32,mod(1000000) lt 100000 }
  default_backend legacy
backend legacy
  server a 127.0.0.1:@LEGACY@ pool-max-conn 128
backend canary
  server a 127.0.0.1:@CANARY@ pool-max-conn 128
"""

WEIR = """
[weir]
workers = 1
state_dir = @DIR@
admin_socket = @DIR@/admin.sock
[listen web]
address = 127.0.0.1:@PORT@
backlog = 4096
[upstream legacy]
server = 127.0.0.1:@LEGACY@
max_idle = 128
[upstream canary]
server = 127.0.0.1:@CANARY@
max_idle = 128
[route all]
legacy = legacy
canary = canary
sticky = header:X-User-Id
weight = 10%
"""

# name: (configuration, command, command that prints the version)
PROXIES = {
    "weir": (WEIR, ["weir", "run", "@FILE@"], ["weir", "--version"]),
    "nginx": (NGINX, ["/usr/sbin/nginx", "-c", "@FILE@"], ["/usr/sbin/nginx", "-v"]),
    "haproxy": (HAPROXY, ["/usr/sbin/haproxy", "-db", "-f", "@FILE@"], ["/usr/sbin/haproxy", "-v"]),
}

# wrk asks for one of a thousand users in turn.
WRK_SCRIPT = """
local requests, n = {}, 0
init = function()
  for user = 1, 1000 do
    requests[user] = wrk.format("GET", "/orders/7", { ["X-User-Id"] = "user-" .. user,
      ["Host"] = "shop.example.com", ["Accept"] = "*/*", ["User-Agent"] = "bench" })
  end
end
request = function() n = n % 1000 + 1; return requests[n] end
"""
