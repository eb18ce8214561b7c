"""Keys of the drawings' colours, letters and crosses, as HTML for a page and as SVG for a file."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from sasa_nas.analysis.baseline import baseline_of
from sasa_nas.analysis.labels import operator_letter
from sasa_nas.operators import OPERATORS
from sasa_nas.report.chart import text
from sasa_nas.report.curves_chart import cross
from sasa_nas.report.front_chart import SHADES, diamond
from sasa_nas.report.markup import join, tag
from sasa_nas.report.operator_colours import operator_class
from sasa_nas.run import Outcome, TrialRecord

SIDE = 14.0
"""Side of a sample, in pixels."""
_LETTER, _LINE, _GAP = 6.7, 22.0, 18.0
"""Width of a letter, height of a line of labels, and gap between two labels, in pixels."""


@dataclass(frozen=True)
class Key:
    """The samples of one drawing.

    Attributes:
        title: Heading of the key.
        items: Each sample, drawn in a square of `SIDE`, and its label.
    """

    title: str
    items: Sequence[tuple[Markup, str]]

    def as_list(self) -> Markup:
        """Return the key as an HTML list, for a page."""
        items = [
            tag(
                "li",
                tag("svg", sample, viewbox="0 0 14 14", class_="chart-key chart swatch", aria_hidden="true"),
                label,
            )
            for sample, label in self.items
        ]
        return tag("ul", *items, class_="key", aria_label=self.title)

    def as_lines(self, top: float, width: float) -> tuple[Markup, float]:
        """Return the key as lines of SVG from `top` on, at most `width` wide, and the lower end, for a file."""
        parts: list[Markup] = []
        x = 0.0
        for sample, label in self.items:
            taken = SIDE + 6.0 + _LETTER * len(label)
            if x > 0.0 and x + taken > width:
                x, top = 0.0, top + _LINE
            parts.append(tag("g", sample, transform=f"translate({x:.1f} {top + 4.0:.1f})"))
            parts.append(text(label, x + SIDE + 6.0, top + 15.0, "tick"))
            x += taken + _GAP
        return join(parts), top + _LINE


def shades_key(records: Sequence[TrialRecord]) -> Key:
    """Return the colours of the front's dots, and the mark of its baseline."""
    most = max((len(r.architecture.stages) for r in records if r.architecture), default=1)
    items = []
    for count in range(most + 1):
        kind = f"shade{round((SHADES - 1) * count / most)}"
        dot = tag("circle", cx=7, cy=7, r=6, class_=kind)
        items.append((dot, f"{count} of {most} stages attend" if count == 0 else str(count)))
    if baseline_of(records):
        items.append((diamond(7.0, 7.0, 6.0), "baseline, all convolution"))
    return Key("Colours of the dots", items)


def operators_key(records: Sequence[TrialRecord]) -> Key:
    """Return the letters and colours of the trials' operators."""
    kinds = {s.operator.kind for r in records if r.architecture for s in r.architecture.stages}
    items = []
    for kind in (*(k for k in OPERATORS.kinds if k in kinds), *sorted(kinds - set(OPERATORS.kinds))):
        box = tag("rect", width=SIDE, height=SIDE, rx=3, class_=f"fill {operator_class(kind)}")
        sample = join([box, text(operator_letter(kind), 7, 11, f"small {operator_class(kind)}-on middle")])
        items.append((sample, kind.replace("_", " ")))
    return Key("Operators", items)


def curves_key(outcomes: Collection[Outcome]) -> Key:
    """Return the lines and crosses of learning curves.

    Args:
        outcomes: Outcomes of the trainings that have a curve; each early end that occurs has an item.
    """
    cut = "ended early, or still running" if Outcome.RUNNING in outcomes else "ended early"
    lines = [("on-front", "on the front"), ("ended", "trained to the end"), ("cut", cut)]
    items = [(tag("path", d="M0 7H14", class_=f"curve {kind} sample"), name) for kind, name in lines]
    early = [o for o in Outcome if o in outcomes and o.spent and o is not Outcome.TRAINED]
    if Outcome.STOPPED in early:
        items.append((cross(7, 7, Outcome.STOPPED), "stopped, because others were better"))
    broken = [o for o in early if o is not Outcome.STOPPED]
    if broken:
        items.append((cross(7, 7, broken[0]), ", ".join(o.words for o in broken)))
    return Key("Lines and crosses", items)
