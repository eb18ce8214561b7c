"""Work of one image: multiply-accumulates by category, elementwise work, and FLOPs by several conventions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

Convention = Literal["sasa", "aa", "san", "macs"]
CONVENTIONS: tuple[Convention, ...] = get_args(Convention)


@dataclass(frozen=True)
class Macs:
    """Multiply-accumulates by category, for one image."""

    conv_linear: int = 0
    """Convolutions, projections, classifiers."""
    qk: int = 0
    """Content logits: queries times keys."""
    qr: int = 0
    """Position logits: queries times relative embeddings."""
    av: int = 0
    """Attention weights times values."""
    aggregation: int = 0
    """Learned weights times windowed features (SAN), and mixtures of value matrices (attention stem)."""

    def __add__(self, other: "Macs") -> "Macs":
        return Macs(
            self.conv_linear + other.conv_linear,
            self.qk + other.qk,
            self.qr + other.qr,
            self.av + other.av,
            self.aggregation + other.aggregation,
        )

    @property
    def total(self) -> int:
        """Sum of all categories."""
        return self.conv_linear + self.qk + self.qr + self.av + self.aggregation


@dataclass(frozen=True)
class Elementwise:
    """Elements of operations other than multiply-accumulates, for one image."""

    norm: int = 0
    relu: int = 0
    pool_inputs: int = 0
    softmax: int = 0
    relation: int = 0
    conv_bias: int = 0

    def __add__(self, other: "Elementwise") -> "Elementwise":
        return Elementwise(
            self.norm + other.norm,
            self.relu + other.relu,
            self.pool_inputs + other.pool_inputs,
            self.softmax + other.softmax,
            self.relation + other.relation,
            self.conv_bias + other.conv_bias,
        )


@dataclass(frozen=True)
class Counts:
    """The work and the parameters of a network or of a part of one."""

    params: int = 0
    macs: Macs = Macs()
    elementwise: Elementwise = Elementwise()

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.params + other.params, self.macs + other.macs, self.elementwise + other.elementwise)

    def flops(self, convention: Convention = "sasa") -> int:
        """Return the floating-point operations of one image by a convention.

        Args:
            convention: `sasa`, the canonical one: two per multiply-accumulate. `aa`: as in the tables of Bello et al.
                2019, without QK^T and AV, and with five per element of a softmax. `san`: as in Zhao et al. 2020,
                one per multiply-accumulate, plus elementwise work. `macs`:
                multiply-accumulates alone.
        """
        return _FLOPS[convention](self)


def _sasa(counts: Counts) -> int:
    return 2 * counts.macs.total


def _aa(counts: Counts) -> int:
    return 2 * (counts.macs.conv_linear + counts.macs.qr) + 5 * counts.elementwise.softmax


def _san(counts: Counts) -> int:
    e = counts.elementwise
    return counts.macs.total + e.conv_bias + 2 * e.norm + e.relu + e.pool_inputs + e.relation


def _macs(counts: Counts) -> int:
    return counts.macs.total


_FLOPS: dict[Convention, Callable[[Counts], int]] = {"sasa": _sasa, "aa": _aa, "san": _san, "macs": _macs}
