"""Loops in C for operators that PyTorch has no fast form of on a CPU: compiled on first use, kept for later ones."""

from sasa_nas.ops.compiled.library import CannotCompileError, load_library

__all__ = ["CannotCompileError", "load_library"]
