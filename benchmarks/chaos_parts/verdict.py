"""Compares what a disturbed run came to with an undisturbed one."""

import json
from pathlib import Path
from typing import Any

from chaos_parts import reference
from chaos_parts.oracle import Trial
from chaos_parts.program import RETRAINING, make_base, undisturbed_retraining
from chaos_parts.scenario import Scenario

STARTUP = 10
"""Trials of a search before its sampler learns; until then its designs depend on its seed alone."""


def compare_designs(scenario: Scenario, space: Path, trials: dict[int, Trial]) -> list[str]:
    """Return where a search's designs, seeds or accuracies are not those of an undisturbed one."""
    if scenario.program == "formula":
        return []
    plan = reference.search_plan(space, scenario.settings)
    wanted = reference.designs(plan)
    spent = [trials[number].record for number in sorted(trials) if trials[number].spent]
    found = [(record["architecture_id"], record["seed"], record.get("arm", "search")) for record in spent]
    if sorted(found) != sorted(wanted):
        return [f"the designs are {found}, undisturbed {wanted}"]
    return [fault for number in sorted(trials) for fault in _accuracy(number, trials[number], scenario, space)]


def _accuracy(number: int, trial: Trial, scenario: Scenario, space: Path) -> list[str]:
    """Return where a trial's accuracies are not those of an undisturbed training."""
    record, epochs = trial.record, scenario.settings["epochs"]
    if not trial.spent:
        return []
    course = reference.accuracies(json.dumps(record["architecture"]), record["seed"], epochs, space)
    faults = [
        f"trial {number} has {accuracy} after epoch {epoch}, undisturbed {course[int(epoch) - 1]}"
        for epoch, accuracy in record.get("rungs", {}).items()
        if accuracy != course[int(epoch) - 1]
    ]
    if record["outcome"] == "trained" and record["accuracy"] != course[-1]:
        faults.append(f"trial {number} has {record['accuracy']} at its end, undisturbed {course[-1]}")
    return faults


def compare_retraining(run: Path, shared: Path, epochs: int, mark: str) -> list[str]:
    """Return where a retraining's results are not those of an undisturbed one."""
    base = make_base(shared, 1, mark)
    wanted, found = (_results(place) for place in (undisturbed_retraining(base, shared, epochs, mark), run))
    if found != wanted:
        return [f"the results are {found}, undisturbed {wanted}"]
    return []


def _results(run: Path) -> dict[str, Any]:
    files = (run / "retrain" / RETRAINING).glob("*/result.json")
    return {file.parent.name: json.loads(file.read_text(encoding="utf-8")) for file in files}
