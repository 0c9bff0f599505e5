"""Mutations of valid inputs: bytes changed, cut out, repeated, inserted, and inputs joined. A seed decides which."""

from collections.abc import Iterator, Sequence
from random import Random

PIECES = (
    b"",
    b"\0",
    b"\xff",
    b"\xc0",
    b"\xdc\x00\x01",
    b",",
    b"\n",
    b"\r",
    b"-1",
    b"0",
    b"9" * 20,
    b"\xe2\x80\xa8",
    b"[",
)
"""Bytes that mean something to one of the formats."""


def mutated(seeds: Sequence[bytes], count: int, random: Random) -> Iterator[bytes]:
    """Yields `count` inputs, each with one to four mutations of a seed."""
    for _ in range(count):
        data = random.choice(seeds)
        for _ in range(random.randint(1, 4)):
            data = _once(data, seeds, random)
        yield data


def _once(data: bytes, seeds: Sequence[bytes], random: Random) -> bytes:
    begin, end = sorted((random.randint(0, len(data)), random.randint(0, len(data))))
    end = min(end, begin + 16)
    match random.randrange(5):
        case 0:
            return data[:begin] + random.randbytes(1) + data[begin + 1 :]
        case 1:
            return data[:begin] + data[end:]
        case 2:
            return data[:end] + data[begin:]
        case 3:
            return data[:begin] + random.choice(PIECES) + data[begin:]
        case _:
            return data[:begin] + random.choice(seeds)[begin:]
