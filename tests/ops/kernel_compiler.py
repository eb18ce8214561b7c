"""Compiles the Triton kernels for sm_90 on a machine without a GPU, and says what their machine code takes."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import torch
import triton
from torch import Tensor
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from sasa_nas.ops.triton_call import Launch

TYPES = {torch.float64: "fp64", torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16"}
TOOL = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"

MAX_STACK = 16
"""Bytes that a thread may spill: a few registers."""


@dataclass(frozen=True)
class Compiled:
    """A kernel's PTX, and what its machine code takes: registers a thread, bytes of stack and of shared memory."""

    name: str
    ptx: str
    registers: int
    stack: int
    shared: int


def compile_launch(launch: Launch, folder: Path) -> Compiled:
    """Compiles a kernel as its launch would, with all pointers aligned to 16 bytes."""
    signature: dict[str, str] = {}
    constants: dict[tuple[int, ...], object] = {}
    attributes: dict[tuple[int, ...], list[list[object]]] = {}
    for i, name in enumerate(launch.kernel.arg_names):
        argument = launch.arguments[name]
        if isinstance(argument, Tensor):
            signature[name] = f"*{TYPES[argument.dtype]}"
            attributes[(i,)] = [["tt.divisibility", 16]]
        elif name.isupper() or (name.endswith(("_sc", "_sx")) and argument == 1):
            # a stride of 1 between neighbours is known to the compiler
            signature[name] = "constexpr"
            constants[(i,)] = argument
        else:
            signature[name] = "fp32" if isinstance(argument, float) else "i32"
    source = ASTSource(fn=launch.kernel, signature=signature, constexprs=constants, attrs=attributes)
    binary = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=launch.options)
    file = folder / "kernel.cubin"
    file.write_bytes(binary.asm["cubin"])
    usage = subprocess.run([TOOL, "-res-usage", file], capture_output=True, text=True, check=True).stdout
    found = re.search(r"REG:(\d+) STACK:(\d+)", usage)
    assert found is not None, usage
    return Compiled(launch.kernel.__name__, binary.asm["ptx"], int(found[1]), int(found[2]), binary.metadata.shared)
