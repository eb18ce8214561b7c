"""Sentences about effects, as the command line and the report print them; stages count from 1 in them."""

import re
from collections.abc import Sequence

from sasa_nas.analysis.labels import stage_name
from sasa_nas.analysis.where.bounds_records import Bounds, PlaceBound
from sasa_nas.analysis.where.records import Effect, Interaction, Interval, Where

_MOST_LISTED = 8
"""Most trials that a sentence lists."""
_MOST_RARE = 3
"""Most operators that a sentence lists which limits forbid in most combinations."""
_MOST_BEYOND = 0.1
"""Share of designs beyond the widths that FLOPs' worth is known of, above which a sentence says so."""
_SELDOM = 0.5
"""Share of combinations below which a sentence names an operator that limits forbid in the others."""
_STAGE = re.compile(r"stages\[(\d+)\]")


def stage_of(factor: str) -> int | None:
    """Return the number, from 0, of the stage that a factor's path belongs to; None if it belongs to none."""
    found = _STAGE.match(factor)
    return int(found[1]) if found else None


def factor_name(factor: str) -> str:
    """Return a factor's name: `stage 1` for the operator of the first stage, `stage 1 width` for its width."""
    stage = stage_of(factor)
    if stage is None:
        return factor
    rest = factor.partition("].")[2].removeprefix("operator").removeprefix(".")
    return f"{stage_name(stage)} {rest}".rstrip()


def points(interval: Interval | PlaceBound) -> str:
    """Return an effect and its interval in points of accuracy, as in `+2.5 (+1.0 to +4.0)`."""
    return f"{100 * interval.effect:+.1f} ({100 * interval.low:+.1f} to {100 * interval.high:+.1f})"


def headline(answer: Where) -> str:
    """Return the answer in a sentence or two."""
    if not answer.stages and answer.bounds is not None:
        return bounded(answer.bounds)
    if not answer.stages:
        return "Where attention helps cannot be told yet."
    if answer.nothing_differs:
        return f"Nothing differs: all {answer.trainings} balanced trainings ended with the same accuracy."
    best, told = answer.stages[0], answer.stages[0].told
    if told.effect <= 0:
        text = f"Attention helps in no stage; it costs least in {stage_name(best.stage)}"
    else:
        text = f"Attention helps most in {stage_name(best.stage)}"
    if answer.equal_flops:
        text = f"At equal FLOPs, each design widened or thinned to what convolution costs, a{text[1:]}"
    elif answer.exchange is not None:
        text = f"At equal FLOPs, a{text[1:]}"
    text = f"{text}: {points(told)} points of accuracy"
    text += "." if told.star else ", which chance could have done as well."
    if len(answer.best) == len(answer.stages) > 1:
        return f"{text} Which stage comes first cannot be told."
    others = [f"{stage + 1}" for stage in sorted(answer.best[1:])]
    return f"{text} {_plural('Stage', others)} cannot be told from it." if others else text


def bounded(bounds: Bounds) -> str:
    """Return what all trainings say in one or two sentences: effects that chance does not explain, then bounds."""
    if bounds.nothing_differs:
        return f"Nothing differs: all {bounds.trainings} trainings ended with the same accuracy."
    helps = sorted((one for one in bounds.places if one.low > 0.0), key=lambda one: -one.effect)
    costs = sorted((one for one in bounds.places if one.high < 0.0), key=lambda one: one.effect)
    rest = [one for one in bounds.places if one not in helps and one not in costs]
    told = [
        f"{verb} in {listed([f'{_place(one)}, {points(one)} points' for one in found])}"
        for verb, found in (("helps", helps), ("costs", costs))
        if found
    ]
    text = f"Attention {' and '.join(told)}." if told else ""
    return " ".join(filter(None, [text, _bound(rest, alone=not told)]))


def _bound(places: Sequence[PlaceBound], *, alone: bool) -> str:
    """Return the most that attention may gain and cost in some places.

    Args:
        places: The places, whose intervals hold zero.
        alone: Whether these are all places.
    """
    if not places:
        return ""
    gain, cost = max(one.high for one in places), -min(one.low for one in places)
    if min(gain, cost) >= 1.0:
        return "Where attention helps cannot be told yet." if alone else "Of the rest nothing can be told yet."
    if len(places) == 1:
        what = "attention" if alone else "it"
        return (
            f"In {_place(places[0])} {what} gains at most {100 * gain:.1f} points and costs at most {100 * cost:.1f}."
        )
    start = "Nowhere does attention gain more than" if alone else "Nowhere else does it gain more than"
    return f"{start} {100 * gain:.1f} points or cost more than {100 * cost:.1f}."


def _place(one: PlaceBound) -> str:
    name = factor_name(one.factor)
    return f"the {name}" if name == "stem" else name


def basis(bounds: Bounds) -> str:
    """Return the trainings that bounds rest on as a sentence."""
    text = f"By a model of all {_count(bounds.trainings, 'training')}, at 95 % for all places together"
    if bounds.failed:
        text += f"; {bounds.failed} that broke off left out"
    names = listed([factor_name(path) for path in bounds.not_told])
    return f"{text}." + (f" {_capital(names)} cannot be told." if names else "")


def together(answer: Where) -> list[str]:
    """Return a sentence for each interaction that has a star."""
    found = [(pair, [factor_name(factor) for factor in pair.factors]) for pair in answer.interactions]
    found += [(pair, [_operator(pair, place) for place in (0, 1)]) for pair in answer.operator_interactions]
    return [
        f"{_capital(' and '.join(names))} together: {points(pair)} points beyond their sum."
        for pair, names in found
        if pair.star
    ]


def remarks(answer: Where) -> list[str]:
    """Return a remark on each thing that makes the effects say less than they seem to."""
    return list(
        filter(
            None,
            [
                _exchange(answer),
                _score(answer),
                _failures(answer),
                _outliers(answer),
                _limits(answer),
                _not_told(answer),
            ],
        )
    )


def _exchange(answer: Where) -> str:
    rate = answer.exchange
    if rate is None:
        return ""
    gain = rate.per_doubling
    text = (
        f"Doubled FLOPs buy {points(gain)} points if they are spent on width, by {rate.trainings} trainings of the "
        f"all-convolution network at {len(rate.points)} widths"
    )
    if gain.low > 0.0:
        text += "."
    elif gain.high < 0.0:
        text += ": width harms here, and what costs more is credited for that."
    else:
        text += ": whether width helps at all cannot be told."
    if rate.beyond < _MOST_BEYOND:
        return text
    return f"{text} {100 * rate.beyond:.0f} % of the balanced designs cost more or less than any of these."


def _score(answer: Where) -> str:
    use = answer.score
    if use is None or not (use.taken or use.asked):
        return ""
    if not use.taken:
        return f"{_capital(use.name)} tell nothing of accuracy beyond the sum of effects, which are those without them."
    known = f"all {use.designs}" if use.complete else f"{use.designs} random"
    worth = round(answer.trainings / use.width**2)
    text = f"{_capital(use.name)} of {known} designs narrow the intervals to {100 * use.width:.0f} %"
    return f"{text}, as {worth} trainings would without."


def _failures(answer: Where) -> str:
    failed = [one for one in answer.failures if one.failed]
    if not failed:
        return ""
    total = sum(one.failed for one in failed if one.stage == failed[0].stage)
    worst = max(failed, key=lambda one: one.failed / one.trainings)
    told = f"{worst.operator.replace('_', ' ')} in {stage_name(worst.stage)}: {worst.failed} of {worst.trainings}"
    text = f"{_count(total, 'balanced training')} failed, most often with {told}. Effects are of the others"
    (with_failures,) = [e.failures_as_chance for e in answer.effects if _is(e, worst.stage, worst.operator)] or [None]
    return text + ("." if with_failures is None else f"; with failures as chance, it is worth {points(with_failures)}.")


def _outliers(answer: Where) -> str:
    if not answer.outliers:
        return ""
    count = len(answer.outliers)
    numbers = [str(number) for number in answer.outliers[:_MOST_LISTED]]
    numbers += [f"{count - _MOST_LISTED} more"] if count > _MOST_LISTED else []
    trials = f"{'trial' if count == 1 else 'trials'} {listed(numbers)}"
    text = f"{_count(count, 'training')} ended far from what the others let expect: {trials}."
    stages = [(one.without_outliers, one.stage) for one in answer.stages if one.without_outliers is not None]
    if not stages:
        return text
    best, stage = max(stages, key=lambda pair: pair[0].effect)
    rest = f"Without {'it' if count == 1 else 'them'}, the largest effect is that of {stage_name(stage)}"
    return f"{text} {rest}: {points(best)}."


def _limits(answer: Where) -> str:
    rare = sorted((e for e in answer.effects if (e.contexts or 0.0) < 1.0), key=lambda e: e.contexts or 0.0)
    rare = [e for e in rare if e.contexts is not None]
    if not rare:
        return ""
    text = f"Effects are averages over the {answer.allowed} designs within the limits."
    seldom = [e for e in rare if (e.contexts or 0.0) < _SELDOM]
    if not seldom:
        return text
    told = [f"{_level(str(e.level), e.factor)} ({100 * (e.contexts or 0.0):.0f} %)" for e in seldom[:_MOST_RARE]]
    told += [f"{len(seldom) - _MOST_RARE} more"] if len(seldom) > _MOST_RARE else []
    return (
        f"{text} Of the combinations of all other choices these hold less than half with {listed(told)} beside "
        f"{answer.baseline}; nothing is known of the rest."
    )


def _not_told(answer: Where) -> str:
    names = [_level(kind, factor) for factor, _, kind in (one.partition("=") for one in answer.not_told)]
    return f"Too few designs have {listed(names)} for an effect." if names else ""


def _is(effect: Effect, stage: int, operator: str) -> bool:
    return (effect.factor, effect.level) == (f"stages[{stage}].operator", operator)


def note(answer: Where) -> str:
    """Return the remark on the answer's precision as a sentence."""
    return f"{_capital(answer.note)}."


def listed(names: Sequence[str]) -> str:
    """Return names as a list in words, as in `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else ""


def _plural(word: str, names: Sequence[str]) -> str:
    return f"{word}{'s' if len(names) > 1 else ''} {listed(names)}"


def _operator(pair: Interaction, place: int) -> str:
    return _level(pair.levels[place], pair.factors[place])


def _level(level: str, factor: str) -> str:
    return f"{level.replace('_', ' ')} in {factor_name(factor)}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
