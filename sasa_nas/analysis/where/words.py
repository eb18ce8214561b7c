"""Sentences about effects, as the command line and the report print them; stages count from 1 in them."""

import re
from collections.abc import Sequence

from sasa_nas.analysis.labels import stage_name
from sasa_nas.analysis.where.records import Interaction, Interval, Where

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


def points(interval: Interval) -> str:
    """Return an effect and its interval in points of accuracy, as in `+2.5 (+1.0 to +4.0)`."""
    return f"{100 * interval.effect:+.1f} ({100 * interval.low:+.1f} to {100 * interval.high:+.1f})"


def headline(answer: Where) -> str:
    """Return the answer in a sentence or two."""
    if not answer.stages:
        return "Where attention helps cannot be told yet."
    if answer.nothing_differs:
        return f"Nothing differs: all {answer.trainings} balanced trainings ended with the same accuracy."
    best = answer.stages[0]
    if best.effect <= 0:
        text = f"Attention helps in no stage; it costs least in {stage_name(best.stage)}"
    else:
        text = f"Attention helps most in {stage_name(best.stage)}"
    text = f"{text}: {points(best)} points of accuracy"
    text += "." if best.star else ", which chance could have done as well."
    if len(answer.best) == len(answer.stages) > 1:
        return f"{text} Which stage comes first cannot be told."
    others = [f"{stage + 1}" for stage in sorted(answer.best[1:])]
    return f"{text} {_plural('Stage', others)} cannot be told from it." if others else text


def together(answer: Where) -> list[str]:
    """Return a sentence for each interaction that has a star."""
    found = [(pair, [factor_name(factor) for factor in pair.factors]) for pair in answer.interactions]
    found += [(pair, [_operator(pair, place) for place in (0, 1)]) for pair in answer.operator_interactions]
    return [
        f"{_capital(' and '.join(names))} together: {points(pair)} points beyond their sum."
        for pair, names in found
        if pair.star
    ]


def note(answer: Where) -> str:
    """Return the remark on the answer's precision as a sentence."""
    return f"{_capital(answer.note)}."


def listed(names: Sequence[str]) -> str:
    """Return names as a list in words, as in `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else ""


def _plural(word: str, names: Sequence[str]) -> str:
    return f"{word}{'s' if len(names) > 1 else ''} {listed(names)}"


def _operator(pair: Interaction, place: int) -> str:
    return f"{pair.levels[place].replace('_', ' ')} in {factor_name(pair.factors[place])}"


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
