"""Chart of retrained networks: accuracy on the test part against FLOPs, with error bars over seeds."""

from markupsafe import Markup

from sasa_nas.analysis.labels import compact_count
from sasa_nas.analysis.retrained import Retrained, RetrainedNetwork
from sasa_nas.analysis.ticks import cost_ticks, linear_ticks
from sasa_nas.report.chart import Frame, Scale, Size, figure, percent, x_axis, y_axis
from sasa_nas.report.markup import tag

_CAP = 5.0
"""Half the width of an error bar's ends, in pixels."""


def draw_retrained(found: Retrained, size: Size) -> Markup:
    """Return the chart of at least one network. The front is that of the validation part."""
    height = 340.0 if size.narrow else 400.0
    frame = Frame(44.0, 34.0, size.width - 8.0, height - 44.0)
    costs = [float(network.flops) for network in found.networks]
    ratio = max(costs) / min(costs)
    margin = max(ratio**0.06, (3.0 / ratio) ** 0.5)
    x = Scale(min(costs) / margin, max(costs) * margin, frame.left, frame.right, log=True)
    ends = [end for n in found.networks for end in (n.test.mean, n.test.low, n.test.high) if end is not None]
    span = max(max(ends) - min(ends), 0.04)
    y = Scale(min(ends) - 0.05 * span, max(ends) + 0.08 * span, frame.bottom, frame.top)
    ticks = cost_ticks(x.low, x.high)
    ticks = ticks[:: 1 + len(ticks) // (6 if size.narrow else 13)]
    return figure(
        [
            x_axis(frame, x, ticks, compact_count, "FLOPs of one image"),
            y_axis(frame, y, linear_ticks(y.low, min(1.0, y.high)), percent, "test accuracy"),
            *(_network(network, x, y) for network in found.networks),
        ],
        size,
        height,
        f"Test accuracy against FLOPs of {len(found.networks)} networks trained in full, with intervals over seeds",
        interactive=True,
    )


def _network(network: RetrainedNetwork, x: Scale, y: Scale) -> Markup:
    cx, cy, test = x(float(network.flops)), y(network.test.mean), network.test
    parts = [tag("circle", cx=cx, cy=cy, r=11, class_="target")]
    words = f"Trial {network.trial}: {100 * test.mean:.2f}% on the test part"
    if test.low is not None and test.high is not None:
        top, bottom = y(test.high), y(test.low)
        bar = f"M{cx - _CAP:.1f} {top:.1f}h{2 * _CAP:.1f}m{-_CAP:.1f} 0V{bottom:.1f}m{-_CAP:.1f} 0h{2 * _CAP:.1f}"
        parts.append(tag("path", d=bar, class_="whisker"))
        words += f", 95% interval {100 * test.low:.2f} to {100 * test.high:.2f}"
    parts.append(tag("circle", cx=cx, cy=cy, r=6, class_="member-dot plain" if network.on_front else "plain-dot"))
    words += f", {compact_count(network.flops)} FLOPs"
    return tag(
        "g",
        *parts,
        class_="member",
        role="button",
        tabindex=0,
        data_trial=network.trial,
        aria_label=f"{words}. Enter copies its command.",
    )
