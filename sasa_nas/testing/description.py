"""Checks of descriptions: their registration, and their records in runs and spaces."""

import copy
import json
import pickle
import re

import torch
from pydantic import TypeAdapter

from sasa_nas.nodes import Misfit, resolve
from sasa_nas.operators import OPERATORS, AnyOperator, Operator
from sasa_nas.testing.case import SIZE, Case
from sasa_nas.testing.check import Nonconformity, brief

REFERENCES = ("layer", "count", "probe", "forms", "initialise_without_norm", "bound_flow")
"""Fields of an entry that are references to code."""

_TRIED = (1, 3, 4, 8, 12, 32)
"""Widths at which `check_width` is compared with the layer."""


def registration(case: Case) -> None:
    """Check that short name and letter are unique, colours valid, and all references callable."""
    entry = case.entry
    if not re.fullmatch(r"[a-z]{1,6}", entry.short) or not re.fullmatch(r"[A-Z]", entry.letter):
        raise Nonconformity(
            f"short='{entry.short}' must be one to six small letters, letter='{entry.letter}' a capital"
        )
    for other in OPERATORS:
        if other.kind != entry.kind and (other.short == entry.short or other.letter == entry.letter):
            raise Nonconformity(
                f"short='{entry.short}' or letter='{entry.letter}' is taken by '{other.kind}'; choose another"
            )
    if not all(re.fullmatch(r"#[0-9a-fA-F]{6}", colour) for colour in entry.colour):
        raise Nonconformity(f"colour={entry.colour} must be two hexadecimal colours such as #7b3fa0")
    named = [(name, getattr(entry, name)) for name in REFERENCES]
    for name, reference in [*named, *(("decompositions", one) for one in entry.decompositions)]:
        if reference is None:
            continue
        try:
            code = resolve(reference)
        except (ImportError, ValueError) as error:
            raise Nonconformity(f"{name}={reference!r} cannot be found ({brief(error)}); write module:name") from error
        if not callable(code):
            raise Nonconformity(f"{name}={reference!r} cannot be called; name a class or a function")


def described_as_data(case: Case) -> None:
    """Check that a description survives JSON and pickle, with an equal hash; its label is one short word."""
    operator = case.operator
    adapter: TypeAdapter[Operator] = TypeAdapter(AnyOperator)
    again = {
        "JSON": adapter.validate_python(json.loads(json.dumps(operator.model_dump(mode="json")))),
        "pickle": pickle.loads(pickle.dumps(operator)),  # noqa: S301  (it was made in the line itself)
        "a copy": copy.deepcopy(operator),
    }
    for way, other in again.items():
        if other != operator or hash(other) != hash(operator):
            raise Nonconformity(
                f"is another description after {way}: {other!r}; use numbers, texts, booleans and tuples as options"
            )
    adapter.json_schema()
    if not re.fullmatch(r"\S{0,12}", operator.label):
        raise Nonconformity(f"label='{operator.label}' must be at most twelve letters without spaces")


def widths(case: Case) -> None:
    """Check that every width that `check_width` accepts can be built and run, and that others raise `Misfit`."""
    for width in _TRIED:
        try:
            case.operator.check_width(width)
        except Misfit:
            continue
        except Exception as error:
            raise Nonconformity(f"check_width({width}) raises {type(error).__name__}; raise Misfit") from error
        try:
            with torch.device("meta"):
                layer = Case(case.entry, case.operator, width, case.options).layer(in_channels=3)
                shape = layer(torch.empty(2, 3, *SIZE)).shape
        except Exception as error:
            raise Nonconformity(
                f"check_width lets width={width} pass, for which the layer fails ({brief(error)}); refuse it by Misfit"
            ) from error
        if shape[1] != width:
            raise Nonconformity(f"puts out {shape[1]} channels where out_channels={width}; keep to out_channels")
    for factor in (0.25, 1.0, 2.0):
        if type(case.operator.scaled(factor)) is not type(case.operator):
            raise Nonconformity(f"scaled({factor}) returns no {type(case.operator).__name__}; return one")
