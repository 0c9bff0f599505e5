"""Coverage-guided fuzzing of all targets, one after another: `python -m tests.fuzz --runs 1000000 FOLDER`.

FOLDER keeps the inputs that reached new code, by target, and the input of a failure. libFuzzer ends the process after
its runs, so each target runs in a process of its own. `make fuzz` calls this.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=["schema", "producers", "quotecache", "consumers"], enable_loader_override=False
):
    from tests.fuzz.targets import TARGETS

from tests.fuzz.seeds import SEEDS

INPUT_BYTES_MAX = 1_024
"""Maximum bytes of an input. libFuzzer makes long ones in the end, which would take most of the time. The mutations of
tests/property/test_fuzz_targets.py contain lines that are too long."""

INPUT_SECONDS_MAX = 10
"""Seconds after which one input counts as a hang."""


def main() -> int:
    """Runs the targets. Returns 0 if none failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--runs", type=int, required=True, help="inputs for each target")
    parser.add_argument("--target", choices=TARGETS, help="run this target only, in this process")
    parser.add_argument("folder", type=Path, help="folder for inputs")
    given = parser.parse_args()
    if given.target:
        _run(given.target, given.runs, given.folder)
    failed = []
    for name in TARGETS:
        print(f"Fuzzing {name}: {given.runs:,} inputs", flush=True)
        command = [sys.executable, "-m", "tests.fuzz", "--runs", str(given.runs), "--target", name, str(given.folder)]
        if subprocess.run(command).returncode != 0:
            failed.append(name)
    if failed:
        print(f"Failed: {', '.join(failed)}. The inputs are in {given.folder}.")
        return 1
    print(f"{len(TARGETS)} passed, 0 failed")
    return 0


def _run(name: str, runs: int, folder: Path) -> None:
    corpus = folder / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS[name]):
        (corpus / f"seed-{number}").write_bytes(seed)
    limits = [f"-runs={runs}", f"-max_len={INPUT_BYTES_MAX}", f"-timeout={INPUT_SECONDS_MAX}"]
    quiet = ["-print_pcs=0", "-verbosity=1", f"-artifact_prefix={folder}/{name}-"]
    atheris.Setup([sys.argv[0], str(corpus), *limits, *quiet], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
