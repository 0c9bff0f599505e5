"""File of recorded rounds, one JSON object a line; the table in docs/reliability.md is made from it.

The file is in the repository, so the table can be made again and a soak can go on on another machine. If a seed was run
more than once, all its rounds stay in the file and the newest counts.
"""

import json
from dataclasses import dataclass

from tests.chaos.links import ROOT
from tests.chaos.recovery import Strike
from tests.chaos.round import RoundResult

FILE = ROOT / "tests" / "chaos" / "soak.jsonl"


@dataclass(frozen=True)
class RecordedRounds:
    """Newest round of each seed, and the number of older rounds that these replaced."""

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


def read() -> RecordedRounds:
    """Reads all rounds; none if there is no file yet."""
    lines = FILE.read_text().splitlines() if FILE.exists() else []
    newest = {one["seed"]: one for one in map(json.loads, lines)}
    return RecordedRounds(list(newest.values()), len(lines) - len(newest))


def add(result: RoundResult) -> None:
    """Appends a round."""
    with FILE.open("a") as file:
        file.write(json.dumps(result.as_json()) + "\n")
