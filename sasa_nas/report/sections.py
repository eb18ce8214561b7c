"""Sections of a report, each with a heading, an introduction and a body."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from markupsafe import Markup

from sasa_nas.analysis.baseline import baseline_of, describe_baseline
from sasa_nas.analysis.front_record import describe_outcomes
from sasa_nas.analysis.labels import compact_count, operator_letter
from sasa_nas.analysis.retrained import Retrained, SeedMean
from sasa_nas.analysis.where import words
from sasa_nas.report import predictors_section, where_section
from sasa_nas.report.chart import both
from sasa_nas.report.data import ReportData
from sasa_nas.report.drawings import Drawing
from sasa_nas.report.markup import join, tag
from sasa_nas.report.trials_table import trials_table
from sasa_nas.run.early_ranks import describe_early_ranks


@dataclass(frozen=True)
class Section:
    """A section of the page.

    Attributes:
        id: Anchor of the section.
        short: Name in the list of sections.
        title: Heading of the section.
        intro: Text below the heading.
        body: Body of the section.
    """

    id: str
    short: str
    title: str
    intro: str
    body: Markup


def sections(data: ReportData, drawn: Mapping[str, Drawing]) -> list[Section]:
    """Return all sections for which the run has data, in order."""
    return [
        _where(data, drawn),
        *_results(data, drawn),
        *_retrained(data, drawn),
        *_predictors(data, drawn),
        *_course(data, drawn),
        _trials(data),
        _reproduce(data),
    ]


def _where(data: ReportData, drawn: Mapping[str, Drawing]) -> Section:
    named = {name: reading.words for name, reading in where_section.READINGS.items()}
    named[where_section.BOUNDS] = "by all trainings"
    overs = {name: shown for name, shown in named.items() if name in drawn}
    parts = [tag("p", tag("strong", words.headline(data.where)))]
    parts += [_switch(overs), *(tag("div", _figure(drawn[name]), id=name) for name in overs)]
    parts.append(where_section.details(data.where))
    return Section("where", "Where", "Where attention helps", where_section.intro(data.where), join(parts))


def _results(data: ReportData, drawn: Mapping[str, Drawing]) -> Iterator[Section]:
    if "front" not in drawn:
        yield Section(
            "front",
            "Front",
            "Accuracy against cost",
            "No network of this run's space is trained to the end yet: let its search go on.",
            Markup(""),
        )
        return
    takes = "its command" if data.info.table else "the command that exports it"
    yield Section(
        "front",
        "Front",
        "Accuracy against cost",
        "Every dot is a network trained to the end; the line joins those that no other beats in both accuracy and "
        f"FLOPs. Point at a network, or move to it with the tab key, to see it; a click or Enter copies {takes}."
        f"{_baseline(data)}{_expected(data)}{_own_objectives(data)}",
        _figure(drawn["front"]),
    )
    if "networks" in drawn:
        yield Section(
            "networks",
            "Networks",
            "The networks on the front",
            "The most accurate first. A box is a stage: its operator, and blocks x width; the strip below has a "
            "segment for each block.",
            _figure(drawn["networks"]),
        )


def _baseline(data: ReportData) -> str:
    baseline = baseline_of(data.records)
    return f" {describe_baseline(baseline, data.front, data.expected)}" if baseline else ""


def _expected(data: ReportData) -> str:
    if not data.expected:
        return ""
    return (
        " Dots are what was seen, and the best of many trainings was also lucky: the line, and the front's networks on "
        "it, are at the accuracy that new trainings are expected to reach."
    )


def _own_objectives(data: ReportData) -> str:
    own = data.info.settings.objectives
    if set(own) == {"accuracy", "flops"}:
        return ""
    return (
        f" The search's own objectives were {', '.join(own)}; sasa-nas pareto with --objectives {','.join(own)} lists "
        "the front of these."
    )


def _retrained(data: ReportData, drawn: Mapping[str, Drawing]) -> Iterator[Section]:
    for found in data.retrained:
        seeds = "one seed" if found.seeds == 1 else f"{found.seeds} seeds"
        bars = " Bars are 95% intervals of the mean by Student's t." if found.seeds > 1 else ""
        parts = [_figure(drawn[f"retrained-{found.name}"])]
        if found.correlations:
            parts.append(tag("h3", "Was the proxy worth its trainings?"))
        parts.append(tag("p", found.verdict, class_="warn" if found.proxy_loses else None))
        if found.correlations:
            parts.append(_figure(drawn[f"retrained-{found.name}-ranks"]))
        parts.append(_networks_table(found))
        yield Section(
            f"retrained-{found.name}",
            "In full" if found.name == "target" else f"In full: {found.name}",
            "Trained in full" if found.name == "target" else f"Trained in full: {found.name}",
            f"{len(found.networks)} of {found.wanted} networks, {found.size} size, {found.epochs} epochs on "
            f"{found.dataset}, {seeds} each. The test part was read once, at the end.{bars} Ringed networks are on the "
            "front of the validation part.",
            join(parts),
        )


def _networks_table(found: Retrained) -> Markup:
    heads = ("trial", "FLOPs", "proxy", "validation", "test", "stages")
    kinds = ("num", "num", "num", "num bars wide-only", "num bars", None)
    rows = []
    for network in found.networks:
        cells = (
            f"{network.trial}{' (front)' if network.on_front else ''}",
            compact_count(network.flops),
            f"{100 * network.proxy_accuracy:.2f}%",
            _bars(network.validation),
            _bars(network.test),
            "".join(operator_letter(kind) for kind in network.operators),
        )
        rows.append(tag("tr", *(tag("td", cell, class_=kind) for cell, kind in zip(cells, kinds, strict=True))))
    head = tag(
        "tr",
        *(
            tag("th", name, scope="col", class_=f"plain-head {kind or ''}")
            for name, kind in zip(heads, kinds, strict=True)
        ),
    )
    table = tag("table", tag("thead", head), tag("tbody", *rows))
    return tag("div", table, class_="scroll", role="region", tabindex=0, aria_label="Networks trained in full")


def _bars(mean: SeedMean) -> Markup:
    """Return a mean and its interval, which is below it on a phone."""
    value = tag("span", f"{100 * mean.mean:.2f}%")
    if mean.low is None or mean.high is None:
        return value
    return join([value, Markup(" "), tag("span", f"({100 * mean.low:.1f} to {100 * mean.high:.1f})")])


def _predictors(data: ReportData, drawn: Mapping[str, Drawing]) -> Iterator[Section]:
    if "predictors" in drawn:
        yield Section(
            "predictors",
            "Predictors",
            "What sorts the networks",
            predictors_section.intro(data.predictors),
            join(
                [
                    _figure(drawn["predictors"]),
                    predictors_section.details(data.scores, data.latency),
                ]
            ),
        )


def _course(data: ReportData, drawn: Mapping[str, Drawing]) -> Iterator[Section]:
    if "hypervolume-trainings" in drawn:
        reference = data.summary.reference
        assert reference is not None
        names = {"hypervolume-trainings": "over trainings", "hypervolume-time": "over time"}
        overs = {name: shown for name, shown in names.items() if name in drawn}
        yield Section(
            "progress",
            "Progress",
            "How the front grew",
            f"Hypervolume is the area between the front and a reference point (accuracy {reference['accuracy']:.3g} at "
            f"{compact_count(reference['flops'])} FLOPs), in accuracy times decades of FLOPs. Where the line is flat, "
            "the search found nothing that the front did not have.",
            join([_switch(overs), *(tag("div", _figure(drawn[name]), id=name) for name in overs)]),
        )
    if "curves" in drawn:
        yield Section(
            "curves",
            "Learning curves",
            "Learning curves",
            "Validation accuracy after every epoch that was recorded. A cross marks where a training ended early."
            f"{_early(data)}",
            _figure(drawn["curves"]),
        )
    if "time" in drawn:
        yield Section(
            "time",
            "Time",
            "Where the time went",
            "Wall-clock seconds of all trials added up; queue is the wait for a worker or for the search.",
            _figure(drawn["time"]),
        )


def _early(data: ReportData) -> str:
    told = describe_early_ranks(data.records) if data.info.settings.halving else None
    return "" if told is None else f" {told}"


def _trials(data: ReportData) -> Section:
    counts = describe_outcomes(data.summary.outcomes)
    return Section(
        "all-trials",
        "Trials",
        "All trials",
        f"{counts or 'None yet'}. A heading sorts; the arrow keys move between the networks that can be taken. "
        "What was stopped early has no final accuracy; how far it got is in the learning curves.",
        trials_table(data),
    )


def _reproduce(data: ReportData) -> Section:
    info = data.info
    pairs: list[tuple[str, str]] = [
        ("seed", str(info.settings.seed)),
        ("sampler", str(info.settings.sampler)),
        ("commit", info.git or "not recorded (no git repository)"),
        ("device", info.device),
        ("began", f"{info.created:%Y-%m-%d %H:%M} UTC" if info.created.utcoffset() is not None else str(info.created)),
        ("data", data.summary.dataset),
        *([("table", info.table)] if info.table else []),
        *sorted(info.versions.items()),
    ]
    copy = tag("button", "copy the command", class_="copy", type="button", data_copy=info.command)
    terms = [part for name, value in pairs for part in (tag("dt", name), tag("dd", value))]
    space = data.space.model_dump(mode="json", exclude_defaults=True, warnings=False)
    body = [
        tag("pre", tag("code", info.command or "not recorded: the search was called from Python")),
        copy if info.command else Markup(""),
        tag("dl", *terms, class_="pairs"),
        _details("The search space", space),
        _details("The settings", info.settings.model_dump(mode="json")),
    ]
    return Section(
        "reproduce",
        "Reproduce",
        "How to repeat this",
        "The same seed proposes the same designs where one worker trains; the run's folder holds every trial.",
        join(body),
    )


def _details(title: str, data: object) -> Markup:
    return tag("details", tag("summary", title), tag("pre", tag("code", json.dumps(data, indent=2)), tabindex=0))


def _figure(drawing: Drawing) -> Markup:
    return tag("figure", both(drawing.draw), *(key.as_list() for key in drawing.keys))


def _switch(names: Mapping[str, str]) -> Markup:
    """Return a switch between drawings, by their id and label; without the script all are shown."""
    if len(names) < 2:
        return Markup("")
    group = next(iter(names)).partition("-")[0]
    labels = [
        tag("label", tag("input", type="radio", name=group, value=name, checked=i == 0), tag("span", shown))
        for i, (name, shown) in enumerate(names.items())
    ]
    return tag("fieldset", *labels, class_="switch", hidden=True, aria_label="Which drawing to show")
