"""Workload of a round: generated lines, mixed with users whose trigger orders surely fire. Pure but for its file."""

import random
from pathlib import Path

from workloads.generator import workload_lines

USERS = 60
SYMBOLS = 40
"""Number of symbols: few enough to share quotes, and enough to keep the quote server busy."""

TRIGGER_USERS = 25
TRIGGER_EVERY = 6
"""Every sixth line is of a user who sets triggers, because most trigger commands of the generator are rejected."""


def write_workload(path: Path, commands: int, seed: int) -> None:
    """Writes a file of `commands` lines; the last one is the DUMPLOG of the whole log."""
    ordinary = workload_lines(USERS, commands, SYMBOLS, seed)
    triggers = _trigger_lines(random.Random(seed))
    bodies = []
    for number, line in enumerate(ordinary, start=1):
        wanted = number % TRIGGER_EVERY == 0 and number < commands
        bodies.append(next(triggers) if wanted else line.partition("] ")[2].strip())
    path.write_text("".join(f"[{number}] {body}\n" for number, body in enumerate(bodies, start=1)))


def _trigger_lines(draw: random.Random):
    """Yields lines of users who arm orders at prices that quotes satisfy sooner or later, and sell what they bought."""
    states = {f"trigger{n}": iter(()) for n in range(TRIGGER_USERS)}
    while True:
        user = draw.choice(list(states))
        line = next(states[user], None)
        if line is None:
            states[user] = _scene(draw, user)
            line = next(states[user])
        yield line


def _scene(draw: random.Random, user: str):
    symbol = f"T{draw.choice('ABCDEF')}{draw.choice('ABCD')}"
    yield f"ADD,{user},9000.00"
    yield f"SET_BUY_AMOUNT,{user},{symbol},{draw.randint(3000, 6000)}.00"
    yield f"SET_BUY_TRIGGER,{user},{symbol},{draw.choice((4999.00, 2500.00, 60.00)):.2f}"
    if draw.random() < 0.3:
        yield f"CANCEL_SET_BUY,{user},{symbol}"
    yield f"BUY,{user},{symbol},{draw.randint(3000, 5000)}.00"
    yield f"COMMIT_BUY,{user}"
    yield f"SET_SELL_AMOUNT,{user},{symbol},{draw.randint(100, 3000)}.00"
    yield f"SET_SELL_TRIGGER,{user},{symbol},{draw.choice((1.01, 20.00)):.2f}"
