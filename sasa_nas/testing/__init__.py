"""Conformance suites for extensions: the user's own operators are checked like the built-in ones.

Three lines in a test file run the suite over an operator:

    @pytest.mark.parametrize("check", conformance_checks("my_kind"), ids=str)
    def test_my_operator(check):
        check()

Nothing here needs pytest.
"""

from sasa_nas.testing.case import Case
from sasa_nas.testing.check import Check, ConformanceCheck, Nonconformity, NotApplicable, Outcome
from sasa_nas.testing.operators import OPERATOR_CHECKS, conformance_checks

__all__ = [
    "OPERATOR_CHECKS",
    "Case",
    "Check",
    "ConformanceCheck",
    "Nonconformity",
    "NotApplicable",
    "Outcome",
    "conformance_checks",
]
