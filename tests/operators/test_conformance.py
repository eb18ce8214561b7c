"""Every built-in operator passes the conformance suite."""

import pytest

from sasa_nas.operators import OPERATORS
from sasa_nas.testing import ConformanceCheck, conformance_checks

BY_DAY = {"torch.export": "conv", "ONNX": "patchwise"}
"""Kind of which all cases are exported by day, by the check; tests of exports hold a graph of each other one."""


def marks(check: ConformanceCheck) -> list[pytest.MarkDecorator]:
    if not check.check.slow:
        return []
    by_night = BY_DAY.get(check.check.name, check.kind) != check.kind
    return [pytest.mark.slow, pytest.mark.timeout(300), *[pytest.mark.night] * by_night]


CHECKS = [
    pytest.param(check, marks=marks(check), id=str(check))
    for kind in OPERATORS.kinds
    for check in conformance_checks(kind)
]


@pytest.mark.parametrize("check", CHECKS)
def test_built_in_operators_conform(check: ConformanceCheck) -> None:
    check()
