"""The table of all trials, and their data for the page's script."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from sasa_nas.analysis.baseline import baseline_of
from sasa_nas.analysis.labels import (
    compact_count,
    further_objectives,
    objective_label,
    operator_label,
    operator_letter,
    shortened,
)
from sasa_nas.objectives import Objective
from sasa_nas.report.data import ReportData
from sasa_nas.report.markup import tag
from sasa_nas.report.operator_colours import operator_class
from sasa_nas.run import TrialRecord
from sasa_nas.surrogate.posterior import Expectation

_COLUMNS: tuple[tuple[str, str], ...] = (
    ("trial", "num"),
    ("outcome", "words"),
    ("accuracy", "num down"),
    ("expected", "num down wide-only"),
    ("FLOPs", "num"),
    ("params", "num wide-only"),
    ("further", "num wide-only"),
    ("epochs", "num wide-only"),
    ("seconds", "num wide-only"),
    ("stages", ""),
    ("why", "words wide-only"),
)
"""Headings and CSS classes; `down` sorts in descending order first, `further` stands for the other objectives."""
_REASON = 300
"""Most characters of a failure's reason."""


def trials_table(data: ReportData) -> Markup:
    """Return the table with one row per trial; the page's script sorts and filters it."""
    front = {record.number for record in data.front}
    further = further_objectives(data.info.settings.objectives)
    heads = [
        tag(
            "th",
            tag("button", name, type="button"),
            scope="col",
            class_=kind.replace(" down", "") or None,
            data_down="down" in kind,
        )
        for column, kind in _COLUMNS
        for name in ([row.heading for row in further] if column == "further" else [column])
    ]
    heads.append(tag("th", tag("span", "export"), scope="col"))
    baseline = baseline_of(data.records)
    rows = [
        _row(
            record,
            further,
            expected=data.expected.get(record.number),
            on_front=record.number in front,
            is_baseline=baseline is not None and record.number == baseline.number,
            command=data.command(record),
        )
        for record in data.records
    ]
    table = tag(
        "table",
        tag("thead", tag("tr", *heads)),
        tag("tbody", *rows),
        id="trials",
    )
    search = tag(
        "input",
        type="search",
        id="filter",
        autocomplete="off",
        aria_controls="trials",
        placeholder="such as: trained local7, front, stopped",
    )
    label = tag("label", "Filter", for_="filter")
    count = tag("span", f"{len(rows)} trials", id="count", role="status", class_="note")
    box = tag("div", table, class_="scroll", role="region", tabindex=0, aria_label="Table of all trials")
    # of thousands the page's script shows the first; without it, all are there
    more = tag("button", "show all", id="more", type="button", class_="copy", hidden=True)
    return tag("div", tag("div", label, search, count, more, class_="filter"), box)


def _row(
    record: TrialRecord,
    further: Sequence[Objective],
    *,
    expected: Expectation | None,
    on_front: bool,
    is_baseline: bool,
    command: str | None,
) -> Markup:
    words = [
        record.outcome.words,
        *(["front"] if on_front else []),
        *(["baseline"] if is_baseline else []),
        *(["other width"] if record.arm.outside else []),
    ]
    copy = (
        tag(
            "button",
            "copy",
            class_="copy",
            type="button",
            data_trial=record.number,
            aria_label=f"copy the command for trial {record.number}",
        )
        if command
        else None
    )
    return tag(
        "tr",
        _number(str(record.number), record.number),
        tag("td", ", ".join(words), class_="words"),
        _number("", None) if record.accuracy is None else _accuracy(record.accuracy),
        _number("", None, "wide-only") if expected is None else _accuracy(expected.mean, "wide-only"),
        _number("" if record.flops is None else compact_count(record.flops), record.flops),
        _number("" if record.params is None else compact_count(record.params), record.params, "wide-only"),
        *(_objective(row, getattr(record, row.name)) for row in further),
        _number(str(record.epochs), record.epochs, "wide-only"),
        _number("" if record.seconds is None else f"{record.seconds:.1f}", record.seconds, "wide-only"),
        tag("td", _stage_letters(record)),
        tag("td", shortened(record.reason or "", _REASON), class_="words wide-only"),
        tag("td", copy),
        class_="on-front" if on_front else None,
    )


def _accuracy(value: float, more: str = "") -> Markup:
    return _number(f"{100 * value:.2f}%", value, more)


def _number(shown: str, value: float | int | None, more: str = "") -> Markup:
    return tag("td", shown, class_=f"num {more}".strip(), data_value="" if value is None else repr(value))


def _objective(row: Objective, value: float | None) -> Markup:
    return _number("" if value is None else objective_label(row.name, value), value, "wide-only")


def _stage_letters(record: TrialRecord) -> Markup | None:
    """Return one coloured letter per stage, with the operators' names for the filter and for screen readers."""
    if record.architecture is None:
        return None
    boxes = [
        tag(
            "span",
            operator_letter(s.operator.kind),
            class_=f"mini {operator_class(s.operator.kind)}",
            title=operator_label(s.operator),
        )
        for s in record.architecture.stages
    ]
    names = " ".join(operator_label(stage.operator) for stage in record.architecture.stages)
    return tag("span", tag("span", *boxes, class_="minis", aria_hidden="true"), tag("span", names, class_="heard"))


def trials_data(data: ReportData) -> dict[str, Any]:
    """Return the data of each trial that the page's script shows on hover, as JSON data."""
    return {"trials": {str(r.number): _data(r, data.expected.get(r.number), data.command(r)) for r in data.records}}


def _data(record: TrialRecord, expected: Expectation | None, command: str | None) -> dict[str, Any]:
    data: dict[str, Any] = {"outcome": record.outcome.words}
    if record.accuracy is not None:
        data["accuracy"] = f"{100 * record.accuracy:.2f}%"
    if expected is not None:
        data["expected"] = f"expected {expected.percent}, on the front {expected.front_chance:.0%}"
    if record.flops is not None:
        data["cost"] = f"{compact_count(record.flops)} FLOPs, {compact_count(record.params or 0)} params"
    if record.architecture is not None:
        data["stem"] = record.architecture.stem.kind
        data["stages"] = [
            [stage.operator.kind, operator_label(stage.operator), stage.blocks, stage.width]
            for stage in record.architecture.stages
        ]
    if record.reason:
        data["reason"] = shortened(record.reason, _REASON)
    if command:
        data["command"] = command
    return data
