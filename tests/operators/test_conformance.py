"""Every built-in operator passes the conformance suite."""

import pytest

from sasa_nas.operators import OPERATORS
from sasa_nas.testing import ConformanceCheck, conformance_checks

CHECKS = [
    pytest.param(check, marks=[pytest.mark.slow, pytest.mark.timeout(300)] if check.check.slow else [], id=str(check))
    for kind in OPERATORS.kinds
    for check in conformance_checks(kind)
]


@pytest.mark.parametrize("check", CHECKS)
def test_built_in_operators_conform(check: ConformanceCheck) -> None:
    check()
