"""The rounds on record, one JSON object a line: what the table in docs/reliability.md is made from.

They are in the repository: the table can be made again, and a soak goes on on another machine. A round that was
repeated stays where it is; the newest of its seed counts.
"""

import json
from dataclasses import dataclass

from tests.chaos.links import ROOT
from tests.chaos.recovery import Strike
from tests.chaos.round import Result

FILE = ROOT / "tests" / "chaos" / "soak.jsonl"


@dataclass(frozen=True)
class Recorded:
    """The newest round of each seed, and how many older ones these replaced."""

    rounds: list[dict]
    repeated: int

    @property
    def seeds(self) -> set[int]:
        return {one["seed"] for one in self.rounds}

    @property
    def violated_seeds(self) -> set[int]:
        return {one["seed"] for one in self.rounds if any(one["violations"].values())}

    @property
    def strikes(self) -> list[Strike]:
        return [Strike(**strike) for one in self.rounds for strike in one["strikes"]]


def read() -> Recorded:
    """All of them; none where there is no file yet."""
    lines = FILE.read_text().splitlines() if FILE.exists() else []
    newest = {one["seed"]: one for one in map(json.loads, lines)}
    return Recorded(list(newest.values()), len(lines) - len(newest))


def add(result: Result) -> None:
    """One more round, behind the others."""
    with FILE.open("a") as file:
        file.write(json.dumps(result.as_json()) + "\n")
