"""A run whose run.json and trials say what no search says: markup, commands to a terminal, impossible numbers."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hostile_commands import reading_commands
from hostile_text import EVERYTHING, NASTY

from sasa_nas.operators import OPERATORS

Ends = Callable[..., int]
Change = Callable[[Path, str], None]


@pytest.fixture(autouse=True)
def registry() -> Iterator[None]:
    """Unregister after the test the kinds that a run's record registers."""
    yield
    for entry in list(OPERATORS):
        if entry.foreign:
            OPERATORS.remove(entry.kind)


def change_record(run: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Changes the record of trial 0 in trials.jsonl."""
    first, *rest = (run / "trials.jsonl").read_text().splitlines()
    data = json.loads(first)
    change(data)
    (run / "trials.jsonl").write_text("\n".join([json.dumps(data), *rest]) + "\n")


def change_info(run: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Changes run.json."""
    data = json.loads((run / "run.json").read_text())
    change(data)
    (run / "run.json").write_text(json.dumps(data))


def operators(**changes: Any) -> list[dict[str, Any]]:
    """A record of a file of operators with one kind."""
    kind = {"kind": "evil", "short": "evil", "letter": "E", "colour": ["#000000", "#ffffff"], "defaults": {}}
    return [{"name": "mine", "sha256": "0" * 64, "kinds": [kind | changes]}]


def with_label(run: Path, text: Any) -> None:
    """Trial 0 has an operator of somebody's own, whose label is the text."""
    change_info(run, lambda data: data.update(operators=operators(defaults={"kernel_size": text})))
    change_record(run, lambda data: data["architecture"]["stages"][0].update(operator={"kind": "evil"}))


TEXTS: dict[str, Change] = {
    "reason": lambda run, text: change_record(run, lambda data: data.update(outcome="broken", reason=text)),
    "choices": lambda run, text: change_record(run, lambda data: data.update(choices={text: text})),
    "scores": lambda run, text: change_record(run, lambda data: data.update(scores={text: 1.0})),
    "space": lambda run, text: change_info(run, lambda data: data["space"].update(name=text, description=text)),
    "data set": lambda run, text: change_info(run, lambda data: data["space"]["proxy"].update(dataset=text)),
    "folder": lambda run, text: change_info(run, lambda data: data["space"]["proxy"].update(dataset=f"coco:{text}")),
    "command": lambda run, text: change_info(run, lambda data: data.update(command=text, device=text, git=text)),
    "versions": lambda run, text: change_info(run, lambda data: data.update(versions={text: text}, table=text)),
    "label": with_label,
    "kind": lambda run, text: change_info(run, lambda data: data.update(operators=operators(kind=text))),
    "short name": lambda run, text: change_info(run, lambda data: data.update(operators=operators(short=text))),
    "colour": lambda run, text: change_info(run, lambda data: data.update(operators=operators(colour=[text] * 2))),
    "option": lambda run, text: change_info(run, lambda data: data.update(operators=operators(defaults={text: 1}))),
}
"""Places in a run that hold text of anybody."""


@pytest.mark.slow
@pytest.mark.parametrize("place", TEXTS)
def test_text_of_every_kind_is_shown_and_obeyed_nowhere(run: Path, ends: Ends, place: str) -> None:
    whole = {file: file.read_bytes() for file in (run / "run.json", run / "trials.jsonl")}
    for text in (EVERYTHING, NASTY["long"], NASTY["half a character"]):
        for file, content in whole.items():
            file.write_bytes(content)
        TEXTS[place](run, text)
        for command in reading_commands(run):
            ends(*command)


NUMBERS: tuple[object, ...] = (10**4000, 2**63, -1, 1e308, 5e-324, float("nan"), float("inf"), "7", [], {}, True)


@pytest.mark.parametrize("field", ["flops", "params", "accuracy", "latency", "seconds", "epochs", "swap_of", "seed"])
def test_impossible_numbers_are_right_or_one_line(run: Path, ends: Ends, field: str) -> None:
    for number in NUMBERS:
        change_record(run, lambda data, number=number: data.update({field: number}))
        for command in (["pareto", run], ["where", run]):
            ends(*command)


STRANGE: dict[str, dict[str, Any]] = {
    "scores": {"scores": {"naswot": 1e308, "x": -1e308}},
    "a rung beyond 1": {"rungs": {"1": 2}},
    "a rung of many digits": {"rungs": {"9" * 4000: 0.5}},
    "a late rung": {"rungs": {"99999999": 0.5}},
    "sums that overflow": {"phases": {"train": 1e308, "data": 1e308}},
    "a list of lists": {"reason": json.loads("[" * 400 + "]" * 400)},
}


@pytest.mark.parametrize("name", STRANGE)
def test_strange_records_are_right_or_one_line(run: Path, ends: Ends, name: str) -> None:
    change_record(run, lambda data: data.update(STRANGE[name]))
    for command in (["pareto", run], ["report", run]):
        ends(*command)


SETTINGS: dict[str, Callable[[dict[str, Any]], object]] = {
    "a thousand objectives": lambda data: data["settings"].update(objectives=["accuracy"] * 1000),
    "a floor above 1": lambda data: data["settings"].update(accuracy_floor=5),
    "nobody's home": lambda data: data["settings"].update(data_dir="~nobody-at-all/x"),
    "a folder of NUL": lambda data: data["settings"].update(data_dir="\0"),
    "the first year": lambda data: data.update(created="0001-01-01T00:00:00+14:00"),
    "the last year": lambda data: data.update(created="9999-12-31T23:59:59-23:59"),
    "seconds since long": lambda data: data.update(created=1e300),
    "no mean": lambda data: data.update(mean=[float("nan")], std=[0.0]),
    "epochs of many digits": lambda data: data["space"]["proxy"]["recipe"].update(epochs=10**4000),
    "no stages": lambda data: data["space"].update(stages=[]),
    "no space": lambda data: data.update(space={"a": 1}),
    "errors by the thousand": lambda data: data.update(operators=[1] * 300_000),
    "a megabyte and more": lambda data: data.update(command="x" * 2**21),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_strange_run_json_is_right_or_one_line(run: Path, ends: Ends, name: str) -> None:
    change_info(run, SETTINGS[name])
    for command in (["pareto", run], ["report", run], ["evaluate", run / "trials" / "0000"]):
        ends(*command)


def test_a_run_json_that_is_sparse_and_huge_is_not_read(run: Path, ends: Ends) -> None:
    with (run / "run.json").open("r+b") as file:
        file.truncate(2**40)
    assert ends("pareto", run) == 2
