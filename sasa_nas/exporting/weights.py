"""Weights as files, and their comparison with an architecture."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from sasa_nas.errors import UserError, one_line, printable
from sasa_nas.exporting.safetensors_reader import read_safetensors
from sasa_nas.files import LARGEST_STATE, check_file, write_atomically
from sasa_nas.nodes import resolve
from sasa_nas.space.network import NetworkDescription
from sasa_nas.tasks import TASKS


def load_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, on the CPU.

    Raises:
        UserError: If the file is missing, cannot be read, or is damaged.
    """
    shown = printable(path)
    try:
        check_file(path, LARGEST_STATE, follow=True)
        return read_safetensors(path)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise UserError(f"{shown} does not exist: give the file of a trained network's weights") from error
    except OSError as error:
        raise UserError(f"{shown} cannot be read: {error.strerror or one_line(error)}") from error
    except MemoryError as error:
        raise UserError(f"{shown} has {path.stat().st_size:,} bytes, more than there is memory") from error
    except ValueError as error:
        reason = printable(one_line(error).removeprefix(f"{path} "))
        raise UserError(f"{shown} is damaged or no safetensors file: it {reason}; train again") from error


def save_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Write tensors as a safetensors file.

    Args:
        path: The file.
        weights: Tensors by name, of any type and on any device; they may share memory.

    Raises:
        OSError: If the file cannot be written.
    """
    own = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in weights.items()}
    try:
        write_atomically(path, lambda temporary: save_file(own, temporary))
    except SafetensorError as error:
        raise OSError(one_line(error)) from error


def built(architecture: NetworkDescription, weights: Mapping[str, Tensor]) -> nn.Module:
    """Return the network with its weights, in evaluation mode, on the CPU.

    Args:
        architecture: The network.
        weights: State dict of the network.

    Raises:
        UserError: If the weights are those of another network.
    """
    check_weights(architecture, weights)
    network: nn.Module = resolve(TASKS[architecture.task].build)(architecture)
    network.load_state_dict(weights)
    return network.eval()


def check_weights(architecture: NetworkDescription, weights: Mapping[str, Tensor]) -> None:
    """Check that `weights` are exactly those of the architecture's network.

    Args:
        architecture: The network.
        weights: Tensors by their name in its state dict.

    Raises:
        UserError: If a weight is missing, unexpected, of another shape, not finite, or of integers instead of floats or
            vice versa (the message names the first); or if the network cannot be built.
    """
    task = TASKS[architecture.task]
    try:
        with torch.device("meta"):
            expected = resolve(task.build)(architecture).state_dict()
    except RuntimeError as error:
        reason = one_line(error)[:200]
        raise UserError(f"the network of architecture {architecture.id} cannot be built: {reason}") from error
    check_state(expected, weights, f"architecture {architecture.id}")


def check_state(expected: Mapping[str, Tensor], weights: Mapping[str, Tensor], network: str) -> None:
    """Check that `weights` can be loaded as the state of a network.

    Args:
        expected: The network's state; tensors may be on the meta device.
        weights: Tensors by name.
        network: Description of the network, for the error.

    Raises:
        UserError: See `check_weights`.
    """
    whose = f"the weights are not those of {network}"
    for name, tensor in expected.items():
        if name not in weights:
            raise UserError(f"{whose}: {name} is missing; give the weights trained with it")
        given = weights[name]
        if given.shape != tensor.shape:
            raise UserError(
                f"{whose}: {name} is {tuple(given.shape)} and must be {tuple(tensor.shape)}; "
                "give the weights trained with it"
            )
        if given.is_floating_point() != tensor.is_floating_point():
            raise UserError(f"{whose}: {name} is {given.dtype} and must be like {tensor.dtype}")
        if not given.isfinite().all():
            raise UserError(f"{whose}, or damaged: {name} holds numbers that are not finite; train again")
    left_over = sorted(set(weights) - set(expected))
    if left_over:
        raise UserError(f"{whose}: it has no {printable(left_over[0][:80])}; give the weights trained with it")
