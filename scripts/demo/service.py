"""The demo's shop, one version of it:  service.py VERSION PORT

Answers everything with its version after a few milliseconds. Asked directly (never
through a proxy), it can be made to fail:

    POST /demo/fail?path=/orders&share=30     30% of what begins with /orders: 500
    POST /demo/heal
"""
import asyncio
import random
import signal
import sys
from urllib.parse import parse_qs, urlsplit


class Shop:
    def __init__(self, version):
        self.version = version
        self.fail_path = None
        self.fail_share = 0

    async def answer(self, method, target, fields):
        """The status and the text for one request."""
        url = urlsplit(target)
        if url.path.startswith("/demo/"):
            return self.control(method, url, fields)
        await asyncio.sleep(random.uniform(0.002, 0.006))
        if self.fail_path and url.path.startswith(self.fail_path):
            if random.random() * 100 < self.fail_share:
                return 500, f"{self.version} failed at {url.path}\n"
        user = fields.get("x-user-id", "whoever you are")
        return 200, f"{self.version} says hello to {user} at {url.path}\n"

    def control(self, method, url, fields):
        if method != "POST" or "x-forwarded-for" in fields:
            return 403, "POST here directly, not through a proxy\n"
        if url.path == "/demo/fail":
            query = parse_qs(url.query)
            self.fail_path = query.get("path", ["/"])[0]
            self.fail_share = float(query.get("share", ["100"])[0])
            return 200, f"{self.version} fails {self.fail_share:g}% of {self.fail_path}\n"
        if url.path == "/demo/heal":
            self.fail_path = None
            return 200, f"{self.version} is healthy\n"
        return 404, "no such control\n"

    async def serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                first, *lines = head.decode("latin-1").split("\r\n")[:-2]
                method, target, _ = first.split(" ")
                fields = {}
                for line in lines:
                    name, _, value = line.partition(":")
                    fields[name.lower()] = value.strip()
                if "transfer-encoding" in fields:
                    break  # a demo: it reads no chunks
                await reader.readexactly(int(fields.get("content-length", 0)))
                status, text = await self.answer(method, target, fields)
                body = text.encode()
                head = (f"HTTP/1.1 {status} {'OK' if status == 200 else 'Not OK'}\r\n"
                        f"Content-Type: text/plain; charset=utf-8\r\nX-Arm: {self.version}\r\n"
                        f"Content-Length: {len(body)}\r\n\r\n").encode()
                writer.write(head + (b"" if method == "HEAD" else body))
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, ValueError):
            pass
        finally:
            writer.close()


async def main():
    version, port = sys.argv[1], int(sys.argv[2])
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    shop = Shop(version)
    # Not awaited at the end: an idle keep-alive connection would hold it open.
    await asyncio.start_server(shop.serve, "127.0.0.1", port, backlog=512)
    await stop.wait()


asyncio.run(main())
