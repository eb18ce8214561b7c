"""Section on the effects of attention: a summary, and every operator's effect in every stage with its interval."""

from markupsafe import Markup

from sasa_nas.analysis.labels import stage_name
from sasa_nas.analysis.where import Effect, Interval, Where, words
from sasa_nas.report.chart import Size
from sasa_nas.report.interval_chart import Estimate, draw_estimates
from sasa_nas.report.markup import tag
from sasa_nas.report.operator_colours import operator_class


def operator_effects(answer: Where) -> list[Effect]:
    """Return the effects of operators, stage by stage, without those of operators' settings."""
    return sorted(
        (effect for effect in answer.effects if effect.factor.endswith(".operator")), key=lambda effect: effect.factor
    )


def has_matched(answer: Where) -> bool:
    """Return True if any effect at matched FLOPs is known."""
    return any(effect.at_matched_flops is not None for effect in operator_effects(answer))


def draw_effects(answer: Where, size: Size, *, matched: bool) -> Markup:
    """Return the chart of at least one effect, raw or at matched FLOPs."""
    estimates = []
    for effect in operator_effects(answer):
        interval = effect.at_matched_flops if matched else effect
        if interval is not None:
            estimates.append(_estimate(effect, interval))
    how = "at equal FLOPs" if matched else "as trained"
    return draw_estimates(
        estimates,
        size,
        title=f"points of validation accuracy against {answer.baseline}, {how}",
        label=f"Effects on accuracy against {answer.baseline}, {how}: "
        + "; ".join(f"{e.group} {e.name} {e.note}" for e in estimates),
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
    items = [*words.together(answer), *words.remarks(answer)]
    for swap in answer.swaps:
        ends = "" if swap.low is None or swap.high is None else f" ({100 * swap.low:+.1f} to {100 * swap.high:+.1f})"
        items.append(
            f"On the front itself, attention in {stage_name(swap.stage)} is worth {100 * swap.effect:+.1f} points"
            f"{ends} against a twin with convolution there, over {swap.pairs} pairs."
        )
    found = tag("ul", *(tag("li", item) for item in items)) if items else None
    return tag("div", found, tag("p", words.note(answer), class_=None if answer.enough else "warn"))


def intro(answer: Where) -> str:
    """Return the introduction, which explains the chart."""
    return (
        f"Each bar is the 95% interval of an operator's effect on accuracy against {answer.baseline}, everything else "
        "averaged: right of zero it helps. Effects rest on the balanced trainings alone, which the search's own wishes "
        "do not bias; a star stands out after Holm's correction."
    )
