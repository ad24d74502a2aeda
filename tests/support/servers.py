"""Servers from Debian, started for a test in a folder of their own."""
import random
import socket
import subprocess
import time
from pathlib import Path


def free_port():
    """A port below the range that the system hands out, so that no one takes it."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Server:
    """A process that listens on a port of 127.0.0.1."""

    def __init__(self, folder, config, command):
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "server.conf"
        file.write_text(config.replace("@PORT@", str(self.port)).replace("@DIR@", str(folder)))
        self.log = open(folder / "output.log", "wb")
        self.process = subprocess.Popen([c.replace("@FILE@", str(file)) for c in command],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                problem = (folder / "output.log").read_text(errors="replace")
                assert self.process.poll() is None and time.monotonic() < deadline, problem
                time.sleep(0.02)

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=20)
        self.log.close()


def nginx(folder, root, arm):
    """Serves the files below `root`."""
    return Server(folder, f"""
user root;
daemon off;
worker_processes 1;
pid @DIR@/nginx.pid;
error_log @DIR@/error.log;
events {{ worker_connections 256; }}
http {{
  include /etc/nginx/mime.types;
  access_log off;
  client_body_temp_path @DIR@/body; proxy_temp_path @DIR@/proxy; fastcgi_temp_path @DIR@/fastcgi;
  uwsgi_temp_path @DIR@/uwsgi; scgi_temp_path @DIR@/scgi;
  server {{
    listen 127.0.0.1:@PORT@;
    root {root};
    add_header X-Arm {arm} always;

  }}
}}
""", ["/usr/sbin/nginx", "-c", "@FILE@"])


def lighttpd(folder, root, arm):
    """Serves the files below `root`."""
    return Server(folder, f"""
server.modules = ("mod_setenv")
server.document-root = "{root}"
server.bind = "127.0.0.1"
server.port = @PORT@
server.errorlog = "@DIR@/error.log"
index-file.names = ("index.html")
mimetype.assign = (".html" => "text/html", ".css" => "text/css", ".js" => "application/javascript",
                   ".png" => "image/png", "" => "application/octet-stream")
setenv.set-response-header = ("X-Arm" => "{arm}")
""", ["/usr/sbin/lighttpd", "-D", "-f", "@FILE@"])
