"""Checks and their outcomes."""

import unittest
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from sasa_nas.errors import one_line
from sasa_nas.testing.case import Case, cases_of

Scope = Literal["each case", "first case", "all cases"]
"""Cases that a rule is tried on."""


class Nonconformity(AssertionError):
    """Error that an operator breaks a rule; the message has the mistake and its remedy in one line."""


class NotApplicable(unittest.SkipTest):
    """Exception for a check that does not apply to an operator, with the reason; test runners report it as skipped."""


def brief(error: BaseException) -> str:
    """Return the beginning of an error's message, for use within a line."""
    return one_line(error)[:200]


@dataclass(frozen=True)
class Check:
    """A rule of the suite.

    Attributes:
        name: Name of the rule, a few words.
        run: Function that raises `Nonconformity` if a case breaks the rule, `NotApplicable` if the rule does not
            apply.
        scope: Cases that are tried: each of a kind's cases, its first case alone, or a network of all cases together.
        slow: Whether it takes more than about a second, and is left out by `--quick`.
    """

    name: str
    run: Callable[[Case], None]
    scope: Scope = "each case"
    slow: bool = False

    @property
    def meaning(self) -> str:
        """First line of the rule's docstring."""
        return (self.run.__doc__ or "").strip().partition("\n")[0]


@dataclass(frozen=True)
class Outcome:
    """Outcome of a check.

    Attributes:
        status: `ok`, `failed` or `skipped`.
        message: The mistake and its remedy, or the reason of a skip; empty for `ok`.
    """

    status: Literal["ok", "failed", "skipped"]
    message: str = ""


@dataclass(frozen=True)
class ConformanceCheck:
    """A rule of the suite bound to a kind of operator; a call raises the exceptions of `Check.run`.

    Attributes:
        kind: Name of the registered kind.
        check: Rule that is checked.
    """

    kind: str
    check: Check

    def __str__(self) -> str:
        return f"{self.kind}: {self.check.name}"

    def __call__(self) -> None:
        """Try all cases of the kind.

        Raises:
            Nonconformity: If a case breaks the rule, or fails in another way.
            NotApplicable: If the rule applies to none of the cases.
        """
        skipped: list[NotApplicable] = []
        tried = 0
        for case in self._cases():
            tried += 1
            try:
                self.check.run(case)
            except NotApplicable as skip:
                skipped.append(skip)
            except Exception as error:
                place = "a network of all examples" if self.check.scope == "all cases" else str(case)
                foreseen = isinstance(error, Nonconformity)
                reason = one_line(error) if foreseen else f"fails with {type(error).__name__}: {brief(error)}"
                raise Nonconformity(f"{place}: {reason}") from error
        if len(skipped) == tried:
            raise skipped[0]

    def _cases(self) -> Iterator[Case]:
        try:
            cases = cases_of(self.kind)
        except ValueError as error:
            raise Nonconformity(one_line(error)) from error
        return iter(cases if self.check.scope == "each case" else cases[:1])

    def outcome(self) -> Outcome:
        """Run the check and return its outcome instead of raising."""
        try:
            self()
        except NotApplicable as reason:
            return Outcome("skipped", one_line(reason))
        except Nonconformity as error:
            return Outcome("failed", one_line(error))
        return Outcome("ok")
