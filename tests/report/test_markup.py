"""Elements escape whatever is not markup."""

import math

import pytest
from markupsafe import Markup

from sasa_nas.report.markup import join, number, tag


def test_text_and_attributes_are_escaped_and_markup_is_not() -> None:
    inner = tag("b", "<i>&")
    assert tag("p", inner, "</p>", class_='"x"') == '<p class="&#34;x&#34;"><b>&lt;i&gt;&amp;</b>&lt;/p&gt;</p>'
    assert isinstance(join([inner, inner]), Markup)


def test_attributes_are_named_as_the_languages_name_them() -> None:
    made = tag("svg", viewbox="0 0 1 1", aria_label="a", hidden=True, disabled=False, title=None, r=1.23456, tabindex=0)
    assert made == '<svg viewBox="0 0 1 1" aria-label="a" hidden r="1.23" tabindex="0"></svg>'
    assert tag("circle", r=2) == '<circle r="2"/>'
    assert tag("td") == "<td></td>"


@pytest.mark.parametrize(
    ("value", "shown"), [(2.0, "2"), (-0.125, "-0.12"), (1e6, "1000000"), (7, "7"), ("7.50", "7.50")]
)
def test_numbers_are_short(value: float | str, shown: str) -> None:
    assert number(value) == shown
    assert math.isfinite(float(shown))
