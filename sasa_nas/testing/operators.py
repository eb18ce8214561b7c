"""The conformance suite of operators."""

from sasa_nas.operators import OPERATORS
from sasa_nas.testing import attention, construction, costs, description, exports, forward, gradients, networks
from sasa_nas.testing.check import Check, ConformanceCheck

OPERATOR_CHECKS: tuple[Check, ...] = (
    Check("registration", description.registration, "first case"),
    Check("description as data", description.described_as_data),
    Check("widths", description.widths),
    Check("output shape", forward.output_shape),
    Check("constructor rule", construction.constructor_rule),
    Check("meta device", construction.meta_device),
    Check("state dict", construction.state),
    Check("pickle", construction.pickles),
    Check("deep copy", construction.copies),
    Check("autocast", forward.autocast),
    Check("precision", forward.precision),
    Check("batch independence", forward.batch_independence),
    Check("determinism", forward.determinism),
    Check("gradient in every parameter", gradients.gradient_everywhere),
    Check("gradcheck", gradients.gradcheck),
    Check("multiply-accumulates", costs.multiply_accumulates),
    Check("elementwise work", costs.elementwise_work),
    Check("training memory", costs.training_memory_estimate, "first case"),
    Check("attention weights", attention.weights_times_values),
    Check("attention reach", attention.reach),
    Check("training-free scores", networks.scores, "first case"),
    Check("learning", networks.learns, "first case"),
    Check("torch.export", exports.exported_program, "all cases", slow=True),
    Check("ONNX", exports.onnx_model, "first case", slow=True),
    Check("written module", exports.written_module, "all cases"),
)
"""All checks, in the order in which they are run."""


def conformance_checks(kind: str, *, quick: bool = False) -> list[ConformanceCheck]:
    """Return the suite for a registered kind of operator, for `pytest.mark.parametrize` or to be called one by one.

    Args:
        kind: Name of the kind.
        quick: Whether to leave out slow checks.

    Raises:
        KeyError: If the kind is not registered.

    Examples:
        >>> from sasa_nas.testing import conformance_checks
        >>> checks = conformance_checks("conv", quick=True)
        >>> checks[0].outcome().status
        'ok'
    """
    found = OPERATORS[kind].kind
    return [ConformanceCheck(found, check) for check in OPERATOR_CHECKS if not (quick and check.slow)]
