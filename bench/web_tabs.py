"""Open pages for `bench.web`: `python -m bench.web_tabs COOKIES` opens live updates for each cookie in a JSON file.

It prints "open" when all pages are open, and at SIGTERM the number of events per second that they received.
"""

import asyncio
import json
import os
import resource
import signal
import sys
import time
from pathlib import Path

SYMBOLS = "ABC,GEM,OIL,S,XYZ"
OPENING_AT_ONCE = 50


class Tabs:
    """All open pages of this process."""

    def __init__(self, port: int):
        self._port = port
        self._opening = asyncio.Semaphore(OPENING_AT_ONCE)
        self.heard = 0
        self._writers: list[asyncio.StreamWriter] = []  # keeps the writers: a dropped writer closes its connection

    async def open(self, cookie: str) -> asyncio.StreamReader:
        async with self._opening:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            request = f"GET /live?symbols={SYMBOLS} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n\r\n"
            writer.write(request.encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            self._writers.append(writer)
            return reader

    async def listen(self, reader: asyncio.StreamReader) -> None:
        while chunk := await reader.read(65_536):
            self.heard += chunk.count(b"event: ")


async def main() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    cookies = json.loads(Path(sys.argv[1]).read_text())
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    tabs = Tabs(int(os.environ["LIVE_PORT"]))
    readers = await asyncio.gather(*map(tabs.open, cookies))
    tasks = [asyncio.create_task(tabs.listen(reader)) for reader in readers]
    print("open", flush=True)
    began, tabs.heard = time.monotonic(), 0
    await stopping.wait()
    print(round(tabs.heard / (time.monotonic() - began)), flush=True)
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main())
