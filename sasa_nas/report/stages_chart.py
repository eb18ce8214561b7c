"""Chart of networks as rows of boxes, one per stage, coloured by operator, with one segment per block."""

from collections.abc import Sequence

from markupsafe import Markup

from sasa_nas.analysis.labels import compact_count, operator_label, operator_letter, stage_name
from sasa_nas.report.chart import Size, figure, text
from sasa_nas.report.front_chart import sentence
from sasa_nas.report.markup import tag
from sasa_nas.report.operator_colours import operator_class
from sasa_nas.run import TrialRecord
from sasa_nas.space import Stage
from sasa_nas.stems import STEMS

_MOST_SEGMENTS = 12
_STRIP = 4.0
"""Height of the segments, in pixels."""


def draw_stages(records: Sequence[TrialRecord], size: Size) -> Markup:
    """Return the drawing; there is at least one of `records`, and each has its architecture.

    Columns are aligned, so that the same stages of different networks can be compared.
    """
    columns = max(len(record.architecture.stages) for record in records if record.architecture)
    # on a phone a network's name stands above its row
    left, row, top = (0.0, 68.0, 18.0) if size.narrow else (206.0, 50.0, 22.0)
    stem = 52.0 if size.narrow else 70.0
    width = (size.width - left - stem) / columns
    heads = [text("stem", left + stem / 2 - 2, 12, "tick middle")]
    heads += [text(_head(i, columns), left + stem + width * (i + 0.5), 12, "tick middle") for i in range(columns)]
    rows = [_row(record, top + row * i, row, left, stem, width, size) for i, record in enumerate(records)]
    return figure(
        [tag("g", *heads, aria_hidden="true"), *rows],
        size,
        top + row * len(records),
        f"{len(records)} networks, stage by stage",
        interactive=True,
    )


def _head(index: int, columns: int) -> str:
    return stage_name(index) if columns <= 5 else str(index + 1)


def _row(record: TrialRecord, y: float, row: float, left: float, stem: float, width: float, size: Size) -> Markup:
    architecture = record.architecture
    assert architecture is not None
    accuracy, cost = f"{100 * (record.accuracy or 0.0):.2f}%", f"{compact_count(record.flops or 0)} FLOPs"
    params = f"{compact_count(record.params or 0)} params"
    if size.narrow:
        name = [text(f"#{record.number}  {accuracy}  {cost}  {params}", 0, y + 14, "row-name")]
        box_top, height = y + 22.0, 40.0
    else:
        name = [
            text(f"#{record.number}", 0, y + 18, "row-name"),
            text(accuracy, 54, y + 18, "row-name"),
            text(f"{cost}, {params}", 0, y + 34, "tick"),
        ]
        box_top, height = y + 4.0, row - 8.0
    kind = architecture.stem.kind
    shown = STEMS[kind].short if size.narrow else kind
    boxes = [_box(left, box_top, stem - 4, height, "stem", shown, f"{architecture.stem.width}", 1)]
    for i, stage in enumerate(architecture.stages):
        boxes.append(_stage_box(stage, left + stem + width * i, box_top, width - 4, height))
    return tag(
        "g",
        tag("rect", x=0, y=y, width=size.width, height=row, class_="target"),
        *name,
        *boxes,
        class_="member row",
        role="button",
        tabindex=0,
        aria_label=f"{sentence(record)}. Enter copies its command.",
        data_trial=record.number,
    )


def _stage_box(stage: Stage, x: float, y: float, width: float, height: float) -> Markup:
    kind = stage.operator.kind
    label = operator_label(stage.operator) if width >= 50 else operator_letter(kind)
    return _box(x, y, width, height, operator_class(kind), label, f"{stage.blocks} x {stage.width}", stage.blocks)


def _box(x: float, y: float, width: float, height: float, kind: str, label: str, below: str, blocks: int) -> Markup:
    """Return a box with two lines of text, and below it a strip with one segment per block."""
    segments = min(blocks, _MOST_SEGMENTS)
    each = width / segments
    parts = [tag("rect", x=x, y=y, width=width, height=height - _STRIP - 2, rx=3, class_=f"fill {kind}")]
    for i in range(segments):
        segment = {"x": x + each * i, "y": y + height - _STRIP, "width": each - 2, "height": _STRIP}
        parts.append(tag("rect", **segment, rx=1.5, class_=f"fill {kind}"))
    middle, centre = x + width / 2, y + (height - _STRIP - 2) / 2
    parts.append(text(label, middle, centre - 1, f"on {kind}-on middle"))
    parts.append(text(below, middle, centre + 11, f"on small {kind}-on middle"))
    return tag("g", *parts)
