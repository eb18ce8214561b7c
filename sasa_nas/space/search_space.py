"""Search space: a family of architectures, with the proxy and limits."""

import itertools
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from sasa_nas.blocks import Stage
from sasa_nas.nodes import Node
from sasa_nas.operators import Misfit
from sasa_nas.space.architecture import Architecture
from sasa_nas.space.fitting import block_options, check_stage
from sasa_nas.space.proxy import Limits, Proxy, Target
from sasa_nas.space.sampling import size
from sasa_nas.space.scaling import scaled_stage, scaled_stem
from sasa_nas.space.searchable import Choice, Range, searchable
from sasa_nas.space.validation_errors import path_of
from sasa_nas.stems import AnyStem, Stem

_MOST_COMBINATIONS = 20_000
"""Most combinations of one stage's widths and operators that are checked."""


class Misfitting(NamedTuple):
    """A field of a stage or a stem with an invalid value, and the reason."""

    field: str
    message: str


Judge = Callable[[dict[str, Any]], Misfitting | None]
"""A function that returns the misfit of plain values of some fields; None if they fit."""


class SearchSpace(searchable(Architecture)):  # type: ignore[misc]
    """A tree like `Architecture` with choices, a proxy, a target and limits, written as YAML; see `load_space`."""

    name: str
    description: str = ""
    proxy: Proxy = Proxy()
    target: Target = Target()
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _every_option_can_come_up(self) -> "SearchSpace":
        """Check that every option fits in some combination, at full size and at the proxy's."""
        proxy = self.proxy
        _check_options({"stem": self.stem}, "", lambda data: _stem_misfit(data["stem"], proxy))
        if not isinstance(self.block, Choice):  # else a misfit shows as an infeasible draw
            _check_stages(self.stages, "stages", lambda data: _stage_misfit(data, self.block, proxy))
        return self


def _check_stages(node: Any, path: str, misfit: Judge) -> None:
    """Check the options of every stage in `node`: a stage, a list of stages, or a choice of such lists."""
    if isinstance(node, Choice):
        _check_stages(node.choice, f"{path}.choice", misfit)
    elif isinstance(node, tuple):
        for i, item in enumerate(node):
            _check_stages(item, f"{path}[{i}]", misfit)
    else:
        _check_options({name: getattr(node, name) for name in ("width", "operator", *block_options())}, path, misfit)


def _check_options(parts: dict[str, Any], path: str, misfit: Judge) -> None:
    """Raise an error for the first option inside `parts`, fields of the node at `path`, that never fits."""
    if math.prod(map(size, parts.values())) > _MOST_COMBINATIONS:
        return  # a misfit then shows as an infeasible draw
    prefix = f"{path}." if path else ""
    resolved = [list(_combinations(node, prefix + name)) for name, node in parts.items()]
    fits: dict[str, bool] = {}
    reasons: dict[str, Misfitting] = {}
    for picked in itertools.product(*resolved):
        reason = misfit(dict(zip(parts, (value for _, value in picked), strict=True)))
        for fork in (path, *itertools.chain.from_iterable(forks for forks, _ in picked)):
            fits[fork] = fits.get(fork, False) or reason is None
            if reason is not None:
                reasons.setdefault(fork, reason)
    for fork, fitting in fits.items():
        if not fitting:
            field, message = reasons[fork]
            raise PydanticCustomError(
                "misfit", "{message}", {"field": _misfit_path(fork, path, field), "message": message}
            )


def _misfit_path(fork: str, node: str, field: str) -> str:
    """Return the path of a misfit: the fork's own, or that of the field in the chosen option."""
    if fork == node:
        return f"{fork}.{field}" if fork else field
    if re.search(r"(operator|stem)(\.choice\[\d+\])*$", fork):
        return f"{fork}.{field.split('.')[-1]}"
    return fork


def _stage_misfit(data: dict[str, Any], block: str, proxy: Proxy) -> Misfitting | None:
    """Return the misfit of a stage of such blocks at full size or at the proxy's; None if it fits."""
    where = ""
    try:
        stage = Stage.model_validate(data)
        check_stage(stage, block)
        where = _at_proxy(proxy)
        check_stage(scaled_stage(stage, proxy.width_multiplier, proxy.depth_multiplier), block)
    except ValidationError as error:
        return _first_reason(error, "", where)
    except Misfit as misfit:
        return Misfitting(misfit.field, f"{misfit}{where}")
    return None


def _stem_misfit(data: dict[str, Any], proxy: Proxy) -> Misfitting | None:
    """Return the misfit of a stem at full size or at the proxy's; None if it fits."""
    where = ""
    try:
        stem: Stem = TypeAdapter(AnyStem).validate_python(data)
        where = _at_proxy(proxy)
        scaled_stem(stem, proxy.width_multiplier)
    except ValidationError as error:
        return _first_reason(error, "stem", where)
    return None


def _at_proxy(proxy: Proxy) -> str:
    return f" (at the proxy's width_multiplier={proxy.width_multiplier})"


def _first_reason(error: ValidationError, inside: str, where: str) -> Misfitting:
    detail = error.errors(include_url=False)[0]
    field = path_of((inside, *detail["loc"]) if inside else detail["loc"], detail.get("ctx", {}).get("field", ""))
    return Misfitting(field, detail["msg"].removeprefix("Value error, ") + where)


def _combinations(node: Any, path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield all ways to resolve the choices of `node`: the paths of the options taken, and the plain data."""
    if isinstance(node, Choice):
        for i, option in enumerate(node.choice):
            place = f"{path}.choice[{i}]"
            for forks, value in _combinations(option, place):
                yield (place, *forks), value
    elif isinstance(node, Range):
        for number in node.values():
            yield (), number
    elif isinstance(node, Node):
        names = list(type(node).model_fields)
        parts = [list(_combinations(getattr(node, name), f"{path}.{name}")) for name in names]
        for picked in itertools.product(*parts):
            forks = tuple(itertools.chain.from_iterable(taken for taken, _ in picked))
            yield forks, dict(zip(names, (value for _, value in picked), strict=True))
    else:
        yield (), node
