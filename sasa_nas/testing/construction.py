"""Checks of layers as objects: their arguments, their state, and copies of them."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import torch
from safetensors.torch import load, save
from torch import nn

from sasa_nas.testing.case import SIZE, Case, arguments_of, is_torchs
from sasa_nas.testing.check import Nonconformity, NotApplicable, brief


def constructor_rule(case: Case) -> None:
    """Check that a layer keeps each argument of its constructor under the same name, and can be rebuilt from them."""
    layer = case.trained(stride=2)
    if is_torchs(layer):
        raise NotApplicable(f"the layer is torch's own {type(layer).__name__}")
    name = type(layer).__name__
    given: dict[str, Any] = {option: getattr(case.operator, option) for option in type(case.operator).model_fields}
    given |= {"in_channels": case.in_channels, "out_channels": case.width, "stride": 2, "feature_size": SIZE}
    kept: dict[str, Any] = {}
    for argument, parameter in arguments_of(layer).items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise Nonconformity(f"{name} takes {parameter}; name every argument, so that exports can write it down")
        if not hasattr(layer, argument):
            raise Nonconformity(f"{name} does not keep its argument '{argument}'; set self.{argument} = {argument}")
        kept[argument] = getattr(layer, argument)
        if argument in given and kept[argument] != given[argument]:
            raise Nonconformity(
                f"{name} was given {argument}={given[argument]!r} and keeps {kept[argument]!r}; keep it as given"
            )
        if not _is_plain(kept[argument]):
            raise Nonconformity(
                f"{name}.{argument} is a {type(kept[argument]).__name__}; take numbers, texts, booleans or tuples alone"
            )
    again = type(layer)(**kept).to(torch.float64)
    _require_same(again, layer, case, "built again from its attributes")


def state(case: Case) -> None:
    """Check that a new layer with another's saved and loaded state dict computes the same bit for bit."""
    layer = case.trained()
    saved = load(save({name: tensor.contiguous() for name, tensor in layer.state_dict().items()}))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        other = type(layer)(**_arguments(layer)) if not is_torchs(layer) else case.layer()
    _require_same(other.to(torch.float64), layer, case, "with the same state dict", saved)


def pickles(case: Case) -> None:
    """Check that a layer can be pickled, and computes the same afterwards."""
    _require_copy(case, lambda layer: pickle.loads(pickle.dumps(layer)), "pickled")  # noqa: S301  (made here)


def copies(case: Case) -> None:
    """Check that a layer can be deep-copied; the copy computes the same and shares no tensor with it."""
    layer = _require_copy(case, copy.deepcopy, "copied")
    other = copy.deepcopy(layer)
    places = {tensor.data_ptr() for tensor in layer.state_dict().values() if tensor.numel()}
    if any(tensor.data_ptr() in places for tensor in other.state_dict().values() if tensor.numel()):
        raise Nonconformity("a deep copy shares tensors with its original; keep tensors as parameters or buffers")


def meta_device(case: Case) -> None:
    """Check that a layer can be built and run on the meta device, where networks are counted before training."""
    for stride in (1, 2):
        real = case.layer(stride=stride)
        try:
            with torch.device("meta"):
                layer = case.layer(stride=stride)
                shape = layer(torch.empty(2, case.in_channels, *SIZE)).shape
        except Exception as error:
            raise Nonconformity(
                f"fails on the meta device ({brief(error)}); let forward read shapes alone, not values"
            ) from error
        stray = [name for name, tensor in layer.state_dict().items() if tensor.device.type != "meta"]
        if stray:
            raise Nonconformity(f"'{stray[0]}' is on another device than the layer is built on; name no device")
        expected = real(case.images(dtype=torch.float32)).shape
        if shape != expected:
            raise Nonconformity(
                f"puts out {tuple(shape)} on the meta device and {tuple(expected)} on the CPU; let shapes depend on "
                "shapes alone"
            )


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, int | float | bool | str)


def _arguments(layer: nn.Module) -> dict[str, Any]:
    return {name: getattr(layer, name) for name in arguments_of(layer)}


def _require_copy(case: Case, duplicate: Callable[[nn.Module], nn.Module], how: str) -> nn.Module:
    layer = case.trained()
    try:
        other = duplicate(layer)
    except Exception as error:
        raise Nonconformity(
            f"{type(layer).__name__} cannot be {how} ({brief(error)}); keep no lambdas, local functions or open files"
        ) from error
    _require_same(other, layer, case, how, None)
    return layer


def _require_same(
    other: nn.Module, layer: nn.Module, case: Case, how: str, state: dict[str, torch.Tensor] | None = None
) -> None:
    x = case.images()
    try:
        other.load_state_dict(layer.state_dict() if state is None else state)
    except RuntimeError as error:
        raise Nonconformity(f"{how} has another state dict: {brief(error)}") from error
    with torch.no_grad():
        if not torch.equal(other.eval()(x), layer(x)):
            raise Nonconformity(
                f"{how} computes something else; keep what forward reads as parameters, buffers or arguments"
            )
