"""A call of a Triton kernel as data, so that tests can compile what would be launched."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Launch:
    """One kernel with all that it is called with.

    Attributes:
        kernel: A function of `triton.jit`.
        programs: Number of programs.
        arguments: Arguments by the kernel's names: tensors, strides and sizes in small letters, constants in capitals.
        options: Options of Triton's compiler.
    """

    kernel: Any
    programs: int
    arguments: dict[str, Tensor | int | float]
    options: dict[str, int | bool]

    def run(self) -> None:
        """Run the kernel on the device of its tensors."""
        if self.programs:
            self.kernel[(self.programs,)](**self.arguments, **self.options)
