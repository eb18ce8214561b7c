"""The answer on the page: a bar an effect, the sentence, and what is said where a run cannot answer."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from sasa_nas.analysis.where import Effect, Interaction, Interval, StageEffect, Where, words
from sasa_nas.analysis.where.words import headline
from sasa_nas.report.chart import SIZES
from sasa_nas.report.data import ReportData
from sasa_nas.report.page import render
from sasa_nas.report.where_section import READINGS, details, draw_bounds, draw_effects, readings
from sasa_nas.run import TrialRecord


def interval(effect: float, *, star: bool) -> dict[str, float | bool]:
    return {"effect": effect, "low": effect - 0.01, "high": effect + 0.01, "p": 0.5, "star": star}


@pytest.fixture
def answer() -> Where:
    """Attention gains two points in the second stage and loses one in the first; one effect is known at equal FLOPs."""
    effects = [
        Effect(
            **interval(value, star=value > 0),
            factor=f"stages[{stage}].operator",
            level="local_attention",
            baseline="conv",
            extra_flops=0.25,
            at_equal_flops=Interval(**interval(0.005, star=False)) if stage else None,
            per_gflop=None,
            n=8,
            designs=4,
        )
        for stage, value in ((1, 0.02), (0, -0.01))
    ]
    stages = [
        StageEffect(**interval(0.02, star=True), stage=1, operators=["local_attention"], extra_flops=0.25),
        StageEffect(**interval(-0.01, star=False), stage=0, operators=["local_attention"], extra_flops=0.25),
    ]
    return Where(
        baseline="conv",
        effects=effects,
        stages=stages,
        interactions=[],
        operator_interactions=[
            Interaction(
                **interval(value, star=value > 0),
                factors=("stages[0].operator", "stages[1].operator"),
                levels=("local_attention", level),
                n=4,
            )
            for level, value in (("pairwise", 0.03), ("patchwise", -0.01))
        ],
        more_for_interactions=0,
        swaps=[],
        enough=True,
        resolution=0.05,
        detectable=0.01,
        more_trials=0,
        trainings=16,
        designs=8,
        training_noise=0.01,
        covered=False,
        note="it is told well",
    )


def test_the_answer_is_on_the_page(
    make_report_data: Callable[..., ReportData], records: Sequence[TrialRecord], answer: Where
) -> None:
    page = render(replace(make_report_data(records), where=answer))
    section = page[page.index('<section id="where"') :]
    section = section[: section.index("</section>")]
    assert "Attention helps most in stage 2: +2.0 (+1.0 to +3.0) points of accuracy." in section
    # two effects as trained and one at equal FLOPs, each at two sizes
    assert len(re.findall('class="bar op-local_attention"', section)) == 6
    assert 'value="where-equal"' in section
    assert "It is told well." in section
    assert "operators change the FLOPs of a network by +25 % to +25 %, whose own worth is in them" in section
    together = (
        "Local attention in stage 1 and pairwise in stage 2 together: +3.0 (+2.0 to +4.0) points beyond their sum."
    )
    assert together in section
    assert "patchwise" not in section


@pytest.mark.parametrize("size", SIZES)
def test_a_bar_spans_its_interval_on_the_right_side_of_zero(answer: Where, size: object) -> None:
    drawn = str(draw_effects(answer, READINGS["where-trained"], size))  # type: ignore[arg-type]
    bars = re.findall(r'<line x1="([\d.]+)" x2="([\d.]+)" y1="([\d.]+)"[^>]*class="bar', drawn)
    (zero,) = re.findall(r'class="zero" x1="([\d.]+)"', drawn)
    (low0, high0, y0), (low1, high1, y1) = [tuple(map(float, bar)) for bar in bars]
    assert y0 < y1
    assert low0 < high0 == pytest.approx(float(zero), abs=0.02)
    assert float(zero) < low1 < high1
    assert high0 - low0 == pytest.approx(high1 - low1, abs=0.05)


def test_the_sentence_is_no_bolder_than_the_numbers(answer: Where) -> None:
    first = answer.stages[0]
    unsure = answer.model_copy(update={"stages": [first.model_copy(update={"star": False})]})
    assert headline(unsure).endswith("which chance could have done as well.")
    worse = answer.model_copy(update={"stages": [answer.stages[1]]})
    assert headline(worse).startswith("Attention helps in no stage; it costs least in stage 1: -1.0")


def test_a_run_that_cannot_answer_says_what_where_says(
    make_report_data: Callable[..., ReportData], records: Sequence[TrialRecord], answer: Where
) -> None:
    data = make_report_data(records[:6])
    assert (data.where.effects, data.where.bounds) == ([], None)
    page = render(data)
    assert "Where attention helps cannot be told yet." in page
    note = data.where.note
    assert f'<p class="warn">{note[0].upper()}{note[1:]}.</p>' in page
    assert "warn" in details(answer.model_copy(update={"enough": False}))


def test_bounds_by_all_trainings_stand_in_and_beside(
    make_report_data: Callable[..., ReportData], records: Sequence[TrialRecord], answer: Where
) -> None:
    data = make_report_data(records)
    assert data.where.effects == []
    bounds = data.where.bounds
    assert bounds is not None
    page = render(data)
    assert words.bounded(bounds) in page
    assert words.basis(bounds) in page
    assert "Each bar bounds the effect of attention" in page
    drawn = str(draw_bounds(bounds, "conv", SIZES[0]))
    assert drawn.count('class="bar') == len(bounds.places)
    for one in bounds.places:
        assert f"{100 * one.effect:+.1f} ({100 * one.low:+.1f} to {100 * one.high:+.1f})" in drawn
    beside = str(details(answer.model_copy(update={"bounds": bounds})))
    assert f"{words.bounded(bounds)} {words.basis(bounds)}" in beside


def test_readings_that_a_run_has_are_drawn(answer: Where) -> None:
    assert list(readings(answer)) == ["where-trained", "where-equal"]
    first = answer.effects[0].model_copy(update={"without_outliers": Interval(**interval(0.03, star=True))})
    found = readings(answer.model_copy(update={"effects": [first, *answer.effects[1:]]}))
    assert [reading.words for reading in found.values()] == ["as trained", "at equal FLOPs", "without outliers"]
    assert readings(answer.model_copy(update={"effects": []})) == {}
