"""The example of an operator of one's own with one fault at a time, each of which the suite names."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sasa_nas.errors import UserError
from sasa_nas.operators.plugins import load_operators, unload_operators
from sasa_nas.testing import OPERATOR_CHECKS, ConformanceCheck, Outcome

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_operator.py"
KIND = "dilated_attention"
CHECKS = {check.name: ConformanceCheck(KIND, check) for check in OPERATOR_CHECKS}
Plant = Callable[..., None]

LAYER = "        self.value = nn.Conv2d(in_channels, out_channels, 1, bias=False)\n"
FORWARD = "        height, width, area = x.shape[2], x.shape[3], self.kernel_size**2\n"
FAULTS = {
    "a product that is not counted": (
        [("av=pairs * layer.out_channels", "av=0")],
        "multiply-accumulates",
        r"kernel_size=3, num_heads=2: counts 15120 multiply-accumulates .* but 21600 run",
    ),
    "a count after the stride": (
        [("    pairs, pooled", "    height, width = height // layer.stride, width // layer.stride\n    pairs, pooled")],
        "multiply-accumulates",
        "at stride 2",
    ),
    "softmax of one head": ([("softmax=pairs * layer.num_heads", "softmax=pairs")], "elementwise work", "softmax"),
    "a parameter that is not used": (
        [(LAYER, LAYER + LAYER.replace("value", "spare"))],
        "gradient in every parameter",
        r"'spare\.weight' gets no gradient",
    ),
    "a parameter that is detached": (
        [("self.query(x).view", "(self.query(x).detach() + 0 * self.query(x)).view")],
        "gradient in every parameter",
        r"'query\.weight' changes the output but has no gradient",
    ),
    "an argument under another name": (
        [("self.dilation", "self.gap"), ("layer.dilation", "layer.gap")],
        "constructor rule",
        "does not keep its argument 'dilation'; set self.dilation = dilation",
    ),
    "an argument that is changed": (
        [("= kernel_size, dilation, num_heads", "= kernel_size, dilation, min(num_heads, 2)")],
        "constructor rule",
        "num_heads=4 and keeps 2",
    ),
    "a tensor beside the state": (
        [
            (LAYER, f"{LAYER}        self.scale = nn.init.normal_(self.value.weight.new_empty(1)).double()\n"),
            ("maps, self.kernel_size", "maps * self.scale.to(maps), self.kernel_size"),
        ],
        "state dict",
        "keep what forward reads as parameters, buffers or arguments",
    ),
    "a lambda in the layer": ([(LAYER, f"{LAYER}        self.act = lambda x: x\n")], "pickle", "keep no lambdas"),
    "a batch that is centred": (
        [(FORWARD, f"        x = x - x.mean(0, keepdim=True)\n{FORWARD}")],
        "batch independence",
        "depends on the rest of its batch",
    ),
    "a stride that rounds down": ([("ceil_mode=True", "ceil_mode=False")], "output shape", "at stride 2"),
    "a window without a key": ([("inside == 0", "inside >= 0")], "output shape", "not finite"),
    "a map that must be large": (
        [(FORWARD, f"{FORWARD}        x = F.pad(x, (1, 1, 1, 1), mode='reflect')[:, :, 1:-1, 1:-1]\n")],
        "output shape",
        "fails on a map of 1 x 1",
    ),
    "dropout in evaluation": (
        [("weights.unsqueeze(2) * value", "F.dropout(weights, 0.1).unsqueeze(2) * value")],
        "determinism",
        "pass self.training",
    ),
    "a forward pass that asks for values": (
        [(FORWARD, f"        x = x / 2 if x.abs().max() > 9 else x\n{FORWARD}")],
        "meta device",
        "let forward read shapes alone, not values",
    ),
    "a type of its own": (
        [("return out if", "out = out.float()\n        return out if")],
        "precision",
        "keep the input's type",
    ),
    "a probe that is too near": (
        [("layer.kernel_size // 2 * layer.dilation\n    return", "layer.kernel_size // 2\n    return")],
        "attention reach",
        "reach=1 .* up to 2 pixels away",
    ),
    "a probe that is too far": (
        [("layer.kernel_size // 2 * layer.dilation\n    return", "layer.kernel_size * layer.dilation\n    return")],
        "attention reach",
        "reach=6 .* up to 2 pixels away",
    ),
    "a probe of other heads": ([("heads=layer.num_heads", "heads=1")], "attention weights", "correct heads"),
    "widths that do not fit": (
        [('        require_divisor("num_heads", self.num_heads, width)', "")],
        "widths",
        "check_width lets width=1 pass",
    ),
    "an example that cannot be": (
        [('{"kernel_size": 3, "num', '{"kernel_size": 4, "num')],
        "registration",
        "must be odd",
    ),
}


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    """Load the example with changes of its text."""
    path = tmp_path / "faulty.py"

    def load(changes: list[tuple[str, str]]) -> None:
        text = EXAMPLE.read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")
        load_operators(path)

    yield load
    unload_operators(path.stem)


@pytest.mark.parametrize(("changes", "rule", "message"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_named(changes: list[tuple[str, str]], rule: str, message: str, plant: Plant) -> None:
    plant(changes)
    with pytest.raises(AssertionError, match=message) as caught:
        CHECKS[rule]()
    assert CHECKS[rule].outcome() == Outcome("failed", str(caught.value))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [name for name, check in CHECKS.items() if not check.check.slow])
def test_the_example_as_it_is_passes(name: str, plant: Plant) -> None:
    plant([])
    assert CHECKS[name].outcome() == Outcome("ok")


def test_a_letter_that_is_taken_is_told_when_the_file_is_loaded(plant: Plant) -> None:
    with pytest.raises(UserError, match="letter='L': taken by the operator 'local_attention'"):
        plant([('letter="D"', 'letter="L"')])
