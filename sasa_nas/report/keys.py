"""What the colours, letters and crosses of the drawings stand for, below them."""

from collections.abc import Collection, Sequence

from markupsafe import Markup

from sasa_nas.analysis.labels import LETTERS
from sasa_nas.report.curves_chart import cross
from sasa_nas.report.front_chart import SHADES
from sasa_nas.report.markup import tag
from sasa_nas.run import Outcome, TrialRecord


def shades_key(records: Sequence[TrialRecord]) -> Markup:
    """The colours of the front's dots."""
    most = max((len(r.architecture.stages) for r in records if r.architecture), default=1)
    items = []
    for count in range(most + 1):
        kind = f"shade{round((SHADES - 1) * count / most)}"
        dot = tag("circle", cx=7, cy=7, r=6, class_=kind)
        items.append(tag("li", _swatch(dot), f"{count} of {most} stages attend" if count == 0 else str(count)))
    return tag("ul", *items, class_="key", aria_label="Colours of the dots")


def operators_key(records: Sequence[TrialRecord]) -> Markup:
    """The operators' letters and colours, of those that the trials have."""
    kinds = {s.operator.kind for r in records if r.architecture for s in r.architecture.stages}
    items = [
        tag(
            "li",
            tag("span", letter, class_=f"mini op-{kind}", aria_hidden="true"),
            f"{letter}: {kind.replace('_', ' ')}",
        )
        for kind, letter in LETTERS.items()
        if kind in kinds
    ]
    return tag("ul", *items, class_="key", aria_label="Operators")


def curves_key(outcomes: Collection[Outcome]) -> Markup:
    """The lines and crosses of learning curves.

    Args:
        outcomes: What became of the trainings that have a curve: each way to end early is named if it occurs.
    """
    cut = "ended early, or still running" if Outcome.RUNNING in outcomes else "ended early"
    lines = [("on-front", "on the front"), ("ended", "trained to the end"), ("cut", cut)]
    items = [tag("li", _swatch(tag("path", d="M0 7H14", class_=f"curve {kind}")), name) for kind, name in lines]
    early = [o for o in Outcome if o in outcomes and o.spent and o is not Outcome.TRAINED]
    if Outcome.STOPPED in early:
        items.append(tag("li", _swatch(cross(7, 7, Outcome.STOPPED)), "stopped, because others were better"))
    broken = [o for o in early if o is not Outcome.STOPPED]
    if broken:
        items.append(tag("li", _swatch(cross(7, 7, broken[0])), ", ".join(o.words for o in broken)))
    return tag("ul", *items, class_="key", aria_label="Lines and crosses")


def _swatch(content: Markup) -> Markup:
    return tag("svg", content, viewbox="0 0 14 14", class_="chart-key chart swatch", aria_hidden="true")
