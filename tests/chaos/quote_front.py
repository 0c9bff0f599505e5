"""Stand-in for the quote server within the proxy: it passes requests on honestly, or misbehaves in one of several ways.

It writes down every request when it arrives, and every honest answer that it passes on. So the judges know what was
really asked and answered without the code under test.
"""

import asyncio
import contextlib
import json
import random
import time

from tests.chaos.sockets import drop

HONEST = "honest"
MODES = ("silent", "slow", "reset", "garbage", "wrong-echo", "half-line")
"""Ways in which the quote server may misbehave (spec §4)."""

SLOW_SECONDS = 1.0
SILENCE_SECONDS = 30.0


class QuoteFront:
    def __init__(self, quote_server: tuple[str, int], answers_file: str):
        self._quote_server = quote_server
        self._answers_file = answers_file
        self._mode = HONEST
        self._affected = 0
        self._random = random.Random(1)

    def play(self, mode: str) -> int:
        """Changes the behaviour from now on. Returns how many requests the previous mode affected."""
        affected, self._affected, self._mode = self._affected, 0, mode
        return affected

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mode = self._mode
        with contextlib.suppress(OSError):
            request = await reader.readline()
            if request:
                arrived_ms = time.time_ns() // 1_000_000
                self._affected += mode != HONEST
                self._note(request=request.decode(errors="replace").strip().split(","))
                await self._answer(mode, request, arrived_ms, writer)
        writer.close()

    async def _answer(self, mode: str, request: bytes, arrived_ms: int, writer: asyncio.StreamWriter) -> None:
        match mode:
            case "silent":
                await asyncio.sleep(SILENCE_SECONDS)
                return
            case "reset":
                drop(writer)
                return
            case "garbage":
                writer.write(self._random.randbytes(self._random.randint(1, 200)) + b"\n")
                await writer.drain()
                return
            case "slow":
                await asyncio.sleep(SLOW_SECONDS)
        answer = await self._ask(request)
        if not answer.endswith(b"\n"):  # the quote server is being killed
            writer.write(answer)
            return
        if mode == "wrong-echo":
            price, symbol, rest = answer.split(b",", 2)
            answer = b",".join((price, symbol[::-1] + b"Q", rest))
        elif mode == "half-line":
            answer = answer[: len(answer) // 2]
        else:
            price, symbol, user, _, cryptokey = answer.decode().rstrip("\n").split(",")
            self._note(answer=[symbol, user, price, cryptokey], arrived_ms=arrived_ms)
        writer.write(answer)
        await writer.drain()

    async def _ask(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(*self._quote_server)
        try:
            writer.write(request)
            return await reader.readline()
        finally:
            writer.close()

    def _note(self, **what: object) -> None:
        with open(self._answers_file, "a", encoding="utf-8") as file:
            file.write(json.dumps(what) + "\n")
