"""Shares of a machine: the ways that were measured before a search, and the one that is taken."""

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Bytes = Annotated[int, Field(ge=0)]


class Share(BaseModel):
    """A way to divide a machine, or a card, among equal trials."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trials: Annotated[int, Field(ge=1)]
    """Side by side, on one machine or on one card."""
    cpus: Annotated[int, Field(ge=1)]
    """CPU cores, and threads, of each."""


class MeasuredShare(BaseModel):
    """Throughput of trials that share a machine in one way."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    share: Share
    images_per_second: Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
    """Trained by all of them together; 0 where they failed."""


class Packing(BaseModel):
    """The decision, and all that it rests on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: Literal["cpu", "cuda"]
    device_name: str
    architecture_ids: tuple[str, ...]
    """The networks that were trained for it, the one that wants most memory first."""
    trial_bytes: Bytes
    """Most memory that the first of them took: of the card, or of the machine."""
    capacity_bytes: Bytes
    """Memory of the card, or what the machine has for trials."""
    measured: tuple[MeasuredShare, ...]
    chosen: MeasuredShare

    @property
    def gpus_per_trial(self) -> float:
        """The part of a card, rounded down to the four decimals that Ray counts in; 0 on a CPU."""
        return math.floor(1e4 / self.chosen.share.trials) / 1e4 if self.device == "cuda" else 0.0


def tell_packing(packing: Packing) -> str:
    """Return the decision and its measurements in one line."""
    chosen = packing.chosen
    others = [other for other in packing.measured if other != chosen]
    against = f", against {', '.join(_told(other, packing.device) for other in others)}" if others else ""
    memory = f"a trial takes up to {packing.trial_bytes / 1e9:.1f} of {packing.capacity_bytes / 1e9:.0f} GB"
    return f"measured: {_told(chosen, packing.device)} images/s together{against}; {memory}"


def _told(measured: MeasuredShare, device: str) -> str:
    share = measured.share
    trials = "1 trial" if share.trials == 1 else f"{share.trials} trials"
    each = "" if share.trials == 1 else " each"
    part = "a card" if device == "cuda" else f"{share.cpus} CPU{'s' if share.cpus > 1 else ''}{each}"
    return f"{trials} on {part} {measured.images_per_second:,.0f}"
