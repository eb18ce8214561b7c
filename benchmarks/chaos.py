"""Searches and retrainings that are struck at random moments, gone on with, and compared with undisturbed ones.

    python benchmarks/chaos.py [--rounds 100] [--seed 0] [--out FILE] [--keep DIR]

A round starts a real `sasa-nas search`, of trainings on digits or of a formula, or a `sasa-nas retrain`, and at
moments that its seed fixes kills processes of it, asks it to end, tears or removes its files, or fills its disk. Then
it is gone on with until it is finished. What is checked by SQL and JSON alone: no finished trial is lost or changed, as
many as were wanted are finished, none is left under way, no process and no temporary file is left, at most one epoch of
each training under way is trained twice, and designs, seeds and accuracies are those of an undisturbed run.

`--seed N --rounds 1` repeats one round. Rounds that the file holds already are not played again, so that a stopped
command goes on. Linux alone; a disk is filled only where the user may mount one. Exit status 1 if anything is wrong.
"""

import argparse
import json
import shutil
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from chaos_parts.disk import allowed
from chaos_parts.outcome import Outcome
from chaos_parts.round import Round
from chaos_parts.scenario import draw
from measure import machine

from sasa_nas.files import write_text

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "chaos.json"


def main() -> int:
    """Plays the rounds, writes the file after each; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="of the first round; each has the next one")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the file to write, and to go on with")
    parser.add_argument("--keep", type=Path, help="keep the folders of rounds that go wrong here")
    options = parser.parse_args()
    if sys.platform != "linux":
        parser.error("only Linux tells which processes are whose")
    rounds: dict[int, dict[str, Any]] = {}
    if options.out.exists():
        rounds = {round_["scenario"]["seed"]: round_ for round_ in json.loads(options.out.read_text())["rounds"]}
    for number in (signal.SIGINT, signal.SIGTERM):  # nothing is left behind, in the background neither
        signal.signal(number, signal.default_int_handler)
    torch.set_num_threads(1)
    disks = allowed()
    # short: Ray's sockets lie below it
    scratch = Path(tempfile.mkdtemp(prefix="c-"))
    try:
        for place, seed in enumerate(range(options.seed, options.seed + options.rounds), 1):
            if seed in rounds:
                continue
            folder = scratch / str(seed)
            folder.mkdir()
            outcome = Round(draw(seed), folder, scratch, disks=disks).play()
            rounds[seed] = outcome.plain()
            print(f"{place}/{options.rounds} {told(outcome)}", flush=True)
            if outcome.faults and options.keep:
                shutil.copytree(folder, options.keep / str(seed), dirs_exist_ok=True, ignore=_sockets)
            shutil.rmtree(folder, ignore_errors=True)
            write_text(options.out, json.dumps(summary(rounds, disks=disks), indent=1) + "\n")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return 1 if any(round_["faults"] for round_ in rounds.values()) else 0


def told(outcome: Outcome) -> str:
    """Return a round in one line, and a line for each fault."""
    scenario = outcome.scenario
    end = f"refused ({outcome.refused})" if outcome.refused else "finished"
    line = (
        f"seed {scenario.seed}: {scenario.program}; {'; '.join(outcome.struck) or 'too fast to be struck'}; {end} after"
        f" {outcome.sessions} sessions, {outcome.repeated} epochs repeated, {outcome.seconds:.0f} s"
    )
    return "\n".join([line, *(f"  WRONG {fault}" for fault in outcome.faults)])


def summary(rounds: dict[int, dict[str, Any]], *, disks: bool) -> dict[str, Any]:
    """Return the content of the file."""
    kinds = Counter(words.partition(" after ")[0] for round_ in rounds.values() for words in round_["struck"])
    return {
        "machine": machine(torch.device("cpu")),
        "disks_can_be_filled": disks,
        "played": len(rounds),
        "wrong": sum(bool(round_["faults"]) for round_ in rounds.values()),
        "refused": sum(round_["refused"] is not None for round_ in rounds.values()),
        "programs": dict(Counter(round_["scenario"]["program"] for round_ in rounds.values())),
        "strikes": dict(sorted(kinds.items())),
        "sessions": sum(round_["sessions"] for round_ in rounds.values()),
        "repeated_epochs": sum(round_["repeated"] for round_ in rounds.values()),
        "rounds": [rounds[seed] for seed in sorted(rounds)],
    }


def _sockets(folder: str, names: list[str]) -> list[str]:
    """Return the entries that cannot be copied."""
    return [name for name in names if not ((Path(folder) / name).is_file() or (Path(folder) / name).is_dir())]


if __name__ == "__main__":
    sys.exit(main())
