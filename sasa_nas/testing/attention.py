"""Checks of probes, by which attention weights of a layer are computed."""

import itertools

import torch
from torch import Tensor, nn

from sasa_nas.analysis.attention_weights import attention_probe, attention_weights, footprint
from sasa_nas.operators.probe import AttentionProbe
from sasa_nas.testing.case import Case, arguments_of
from sasa_nas.testing.check import Nonconformity, NotApplicable

_ROUNDING = 1e-9


def weights_times_values(case: Case) -> None:
    """Check that attention weights by the probe, times the values, give the layer's sums."""
    layer, probe, x = _attending(case)
    cells = list(itertools.product(range(x.shape[2]), range(x.shape[3])))
    weights = attention_weights(layer, x, cells)
    sums, values = _sums_and_values(layer, probe, x)
    channel = torch.arange(probe.channels)
    head = channel % probe.heads if probe.interleaved else channel // (probe.channels // probe.heads)
    expected = torch.einsum("bicyx,bcyx->bci", weights[:, :, head], values).view(values.shape)
    if sums.shape != expected.shape or not torch.allclose(sums, expected, rtol=1e-7, atol=1e-9):
        raise Nonconformity(
            "attention weights times values are not what the layer sums; correct heads, channels, interleaved, value, "
            "changes or bypassed of its AttentionProbe"
        )
    if not probe.signed and (weights.min() < -_ROUNDING or weights.sum((-2, -1)).max() > 1 + 1e-6):
        raise Nonconformity("attention weights are negative or exceed one in sum; set signed=True in AttentionProbe")


def reach(case: Case) -> None:
    """Check that a query attends to exactly the cells of the probe's window."""
    layer, probe, _ = _attending(case)
    if probe.reach is None:
        raise NotApplicable("the probe names no reach: the layer attends to the whole map or to a block")
    size = (2 * probe.reach + 3, 2 * probe.reach + 4)
    x = case.images(*size, batch=1)
    for cell in ((probe.reach + 1, probe.reach + 1), (0, size[1] - 1)):
        attended = attention_weights(layer, x, [cell])[0, 0].abs().amax(0) > 0
        inside = torch.zeros_like(attended)
        inside[footprint(layer, cell, size)] = True
        if (attended & ~inside).any() or not _same_box(attended, inside):
            rows, columns = (attended.any(side).nonzero().flatten() for side in (1, 0))
            found = max(int((rows - cell[0]).abs().max()), int((columns - cell[1]).abs().max()))
            raise Nonconformity(
                f"reach={probe.reach} in its AttentionProbe, but queries attend up to {found} pixels away; correct it"
            )


def _attending(case: Case) -> tuple[nn.Module, AttentionProbe, Tensor]:
    """Return the first layer with a probe, the layer itself included, with its probe and its input."""
    layer, x = case.trained(), case.images()
    seen: list[tuple[nn.Module, Tensor]] = []
    handles = [
        part.register_forward_pre_hook(lambda part, inputs: seen.append((part, inputs[0])))
        for part in layer.modules()
        if attention_probe(part) is not None
    ]
    with torch.no_grad():
        layer(x)
    for handle in handles:
        handle.remove()
    if not seen:
        raise NotApplicable("no probe is registered; attention-map does not show this operator")
    part, given = seen[0]
    probe = attention_probe(part)
    assert probe is not None
    return part, probe, given


def _sums_and_values(layer: nn.Module, probe: AttentionProbe, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weighted sums of a layer built to end at them, and its values."""
    arguments = {name: getattr(layer, name) for name in arguments_of(layer)}
    twin: nn.Module = type(layer)(**{**arguments, **probe.changes}).to(x.dtype)
    twin.load_state_dict(layer.state_dict())
    for name in probe.bypassed:
        twin.register_module(name, nn.Identity())
    values: list[Tensor] = []
    twin.get_submodule(probe.value).register_forward_hook(lambda _, inputs, out: values.append(out))
    with torch.no_grad():
        sums: Tensor = twin.eval()(x)
    return sums, values[0]


def _same_box(first: Tensor, second: Tensor) -> bool:
    """Return True if the marked cells of two maps have the same bounding box."""
    cells = [one.nonzero() for one in (first, second)]
    return torch.equal(cells[0].amin(0), cells[1].amin(0)) and torch.equal(cells[0].amax(0), cells[1].amax(0))
