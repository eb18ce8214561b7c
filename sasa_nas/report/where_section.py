"""Section on the effects of attention: a summary, and every operator's effect in every stage with its interval."""

from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup

from sasa_nas.analysis.labels import stage_name
from sasa_nas.analysis.where import Bounds, Effect, Interval, Where, words
from sasa_nas.report.chart import Size
from sasa_nas.report.interval_chart import Estimate, draw_estimates
from sasa_nas.report.markup import tag
from sasa_nas.report.operator_colours import operator_class


@dataclass(frozen=True)
class Reading:
    """A reading of the effects.

    Attributes:
        words: Name of the reading.
        of: Function that returns an effect's interval; None if it has none.
    """

    words: str
    of: Callable[[Effect], Interval | None]


READINGS = {
    "where-trained": Reading("as trained", lambda effect: effect),
    "where-equal": Reading("at equal FLOPs", lambda effect: effect.at_equal_flops),
    "where-outliers": Reading("without outliers", lambda effect: effect.without_outliers),
    "where-failures": Reading("with failures as chance", lambda effect: effect.failures_as_chance),
}
"""Readings of the effects by the id of their drawing."""


BOUNDS = "where-bounds"
"""Id of the drawing of the bounds by all trainings."""


def operator_effects(answer: Where) -> list[Effect]:
    """Return the effects of operators, stage by stage, without those of operators' settings."""
    return sorted(
        (effect for effect in answer.effects if effect.factor.endswith(".operator")), key=lambda effect: effect.factor
    )


def readings(answer: Where) -> dict[str, Reading]:
    """Return the readings of the effects that a run has, by the id of their drawing."""
    effects = operator_effects(answer)
    return {name: one for name, one in READINGS.items() if any(one.of(effect) is not None for effect in effects)}


def draw_effects(answer: Where, reading: Reading, size: Size) -> Markup:
    """Return the chart of at least one effect in one reading."""
    intervals = [(effect, reading.of(effect)) for effect in operator_effects(answer)]
    estimates = [_estimate(effect, interval) for effect, interval in intervals if interval is not None]
    how = reading.words
    return draw_estimates(
        estimates,
        size,
        title=f"points of validation accuracy against {answer.baseline}, {how}",
        label=f"Effects on accuracy against {answer.baseline}, {how}: "
        + "; ".join(f"{e.group} {e.name} {e.note}" for e in estimates),
        show=lambda points: f"{points:+.3g}" if points else "0",
    )


def draw_bounds(bounds: Bounds, baseline: str, size: Size) -> Markup:
    """Return the chart of the bounds by all trainings, a row for each place."""
    estimates = [
        Estimate(
            group=words.factor_name(one.factor),
            name=one.levels[0].replace("_", " ") if len(one.levels) == 1 else f"{len(one.levels)} kinds of attention",
            value=100 * one.effect,
            low=100 * one.low,
            high=100 * one.high,
            colour=operator_class(one.levels[0] if len(one.levels) == 1 else ""),
            note=f"{100 * one.effect:+.1f}",
        )
        for one in bounds.places
    ]
    return draw_estimates(
        estimates,
        size,
        title=f"points of validation accuracy against {baseline}",
        label=f"Effects of attention on accuracy against {baseline}, by a model of all trainings: "
        + "; ".join(f"{e.group} {e.note} ({e.low:+.1f} to {e.high:+.1f})" for e in estimates),
        show=lambda points: f"{points:+.3g}" if points else "0",
    )


def _estimate(effect: Effect, interval: Interval) -> Estimate:
    return Estimate(
        group=words.factor_name(effect.factor),
        name=str(effect.level).replace("_", " "),
        value=100 * interval.effect,
        low=100 * interval.low,
        high=100 * interval.high,
        colour=operator_class(str(effect.level)),
        note=f"{100 * interval.effect:+.1f}{' *' if interval.star else ''}",
    )


def details(answer: Where) -> Markup:
    """Return the details below the chart: interactions, swaps, and the precision of the estimates."""
    items = [*words.together(answer), *_unequal(answer), *words.remarks(answer)]
    for swap in answer.swaps:
        ends = "" if swap.low is None or swap.high is None else f" ({100 * swap.low:+.1f} to {100 * swap.high:+.1f})"
        items.append(
            f"On the front itself, attention in {stage_name(swap.stage)} is worth {100 * swap.effect:+.1f} points"
            f"{ends} against a twin with convolution there, over {swap.pairs} pairs."
        )
    if answer.bounds is not None:
        bounded = words.bounded(answer.bounds)
        items.append(f"{bounded} {words.basis(answer.bounds)}" if answer.stages else words.basis(answer.bounds))
    found = tag("ul", *(tag("li", item) for item in items)) if items else None
    return tag("div", found, tag("p", words.note(answer), class_=None if answer.enough else "warn"))


def _unequal(answer: Where) -> list[str]:
    """Return a sentence on the FLOPs by which operators differ, where effects at equal FLOPs are not known."""
    shares = [effect.extra_flops for effect in operator_effects(answer)]
    if answer.exchange is not None or answer.equal_flops or not shares:
        return []
    return [
        f"Effects are as trained: operators change the FLOPs of a network by {100 * min(shares):+.0f} % to "
        f"{100 * max(shares):+.0f} %, whose own worth is in them."
    ]


def intro(answer: Where) -> str:
    """Return the introduction, which explains the chart; nothing if there is none."""
    if not answer.effects and answer.bounds is None:
        return ""
    if not answer.effects:
        return (
            f"Each bar bounds the effect of attention on accuracy against {answer.baseline}, everything else averaged: "
            "right of zero it helps. The bars rest on a model of all trainings, and hold with 95% together."
        )
    return (
        f"Each bar is the 95% interval of an operator's effect on accuracy against {answer.baseline}, everything else "
        "averaged: right of zero it helps. Effects rest on the balanced trainings alone, which the search's own wishes "
        "do not bias; a star stands out after Holm's correction."
    )
