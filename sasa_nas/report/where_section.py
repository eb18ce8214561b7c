"""Section on the effects of attention: a summary, and every operator's effect in every stage with its interval."""

from markupsafe import Markup

from sasa_nas.analysis.where import Effect, Interaction, Interval, Where
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
        group=f"stage {effect.factor.removeprefix('stages[').partition(']')[0]}",
        name=str(effect.level).replace("_", " "),
        value=100 * interval.effect,
        low=100 * interval.low,
        high=100 * interval.high,
        colour=operator_class(str(effect.level)),
        note=f"{100 * interval.effect:+.1f}{' *' if interval.star else ''}",
    )


def headline(answer: Where) -> str:
    """Return a summary in a sentence."""
    if not answer.stages:
        return "Where attention helps cannot be told yet."
    best = answer.stages[0]
    if best.effect <= 0:
        text = f"Attention helps in no stage; it costs least in stage {best.stage}: {_points(best)} points of accuracy"
    else:
        text = f"Attention helps most in stage {best.stage}: {_points(best)} points of accuracy"
    return text + ("." if best.star else ", which chance could have done as well.")


def details(answer: Where) -> Markup:
    """Return the details below the chart: interactions, swaps, and the precision of the estimates."""
    items = [
        f"{_stage(pair.factors[0])} and {_stage(pair.factors[1])} together: {_points(pair)} points beyond their sum."
        for pair in answer.interactions
        if pair.star
    ]
    items += [
        f"{_operator(pair, 0)} and {_operator(pair, 1)} together: {_points(pair)} points beyond their sum."
        for pair in answer.operator_interactions
        if pair.star
    ]
    for swap in answer.swaps:
        ends = "" if swap.low is None or swap.high is None else f" ({100 * swap.low:+.1f} to {100 * swap.high:+.1f})"
        items.append(
            f"On the front itself, attention in stage {swap.stage} is worth {100 * swap.effect:+.1f} points{ends} "
            f"against a twin with convolution there, over {swap.pairs} pairs."
        )
    note = f"{answer.note[:1].upper()}{answer.note[1:]}."
    found = tag("ul", *(tag("li", item) for item in items)) if items else None
    return tag("div", found, tag("p", note, class_=None if answer.enough else "warn"))


def _stage(factor: str) -> str:
    return f"Stage {factor.removeprefix('stages[').partition(']')[0]}"


def _operator(pair: Interaction, place: int) -> str:
    return f"{pair.levels[place].replace('_', ' ').capitalize()} in {_stage(pair.factors[place]).lower()}"


def _points(interval: Interval) -> str:
    return f"{100 * interval.effect:+.1f} ({100 * interval.low:+.1f} to {100 * interval.high:+.1f})"


def intro(answer: Where) -> str:
    """Return the introduction, which explains the chart."""
    return (
        f"Each bar is the 95% interval of an operator's effect on accuracy against {answer.baseline}, everything else "
        "averaged: right of zero it helps. Effects rest on the balanced trainings alone, which the search's own wishes "
        "do not bias; a star stands out after Holm's correction."
    )
