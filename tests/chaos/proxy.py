"""Proxy for all connections from the processes to servers, itself a process. It can reset, delay and distort each link.

It reads commands as lines of JSON on standard input and answers each with a line on standard output. It does not look
into what the links carry, except for the quote server's link (quote_front.py).
"""

import asyncio
import json
import sys
from dataclasses import dataclass, field

from tests.chaos.quote_front import QuoteFront
from tests.chaos.sockets import drop

BYTES_PER_READ = 1 << 16
BACKLOG = 512


@dataclass(eq=False)
class ServerLink:
    """Link from one process to one server: its target, its open connections, and its delay."""

    host: str
    port: int
    delay_seconds: float = 0.0
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            to_server = await asyncio.open_connection(self.host, self.port)
        except OSError:
            drop(writer)
            return
        self.writers |= {writer, to_server[1]}
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._carry(reader, to_server[1]))
                both.create_task(self._carry(to_server[0], writer))
        except* OSError:
            pass
        finally:
            self.writers -= {writer, to_server[1]}
            writer.close()
            to_server[1].close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(BYTES_PER_READ):
            if self.delay_seconds:
                await asyncio.sleep(self.delay_seconds)
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError  # one side has ended, so the other must end too

    def reset(self) -> int:
        """Resets every connection at both ends, like a router that lost its state. Returns how many there were."""
        for writer in list(self.writers):
            drop(writer)
        return len(self.writers) // 2


class Proxy:
    def __init__(self, targets: dict[str, tuple[str, int]], quote_server: tuple[str, int], answers_file: str):
        self._links = {name: ServerLink(*target) for name, target in targets.items()}
        self._quotes = QuoteFront(quote_server, answers_file)

    async def run(self) -> None:
        """Listens, prints the addresses, and executes commands until standard input ends."""
        ports = {}
        for name, link in self._links.items():
            ports[name] = await _listen(link.accept)
        ports["quotes"] = await _listen(self._quotes.accept)
        _say(ports)
        lines = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        while line := await lines.readline():
            _say(self._obey(**json.loads(line)))

    def _obey(self, do: str, links: list[str] = (), seconds: float = 0.0, mode: str = "") -> int:
        chosen = [self._links[name] for name in links]
        match do:
            case "reset":
                return sum(link.reset() for link in chosen)
            case "delay":
                for link in chosen:
                    link.delay_seconds = seconds
            case "quotes":
                return self._quotes.play(mode)
        return 0


async def _listen(accept) -> int:
    server = await asyncio.start_server(accept, "127.0.0.1", 0, backlog=BACKLOG)
    return server.sockets[0].getsockname()[1]


def _say(value: object) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    asyncio.run(Proxy(**json.loads(sys.argv[1])).run())
