"""The sampler of a search: the one that is asked for, or else the best one that the search can have.

The sampler `model` counts the costs of many candidates before one is trained. It needs about half the trainings of
Optuna's TPE, or less (`docs/samplers.md`), but costs that only a worker can measure it cannot have, and where halving
stops most trainings, of which it learns nothing, it is no better.
"""

from dataclasses import dataclass

from sasa_nas.errors import UserError
from sasa_nas.objectives import OBJECTIVES
from sasa_nas.run import SearchSettings
from sasa_nas.run.records import Sampler
from sasa_nas.space import SearchSpace


@dataclass(frozen=True)
class SamplerChoice:
    """The sampler of a search.

    Attributes:
        name: Name of the sampler.
        reason: Reason why it is not `model`, in a search that asked for none; None where there is nothing to say.
    """

    name: Sampler
    reason: str | None = None

    def __str__(self) -> str:
        """Return the choice and its reason in one line."""
        return f"sampler {self.name}" + (f": {self.reason}" if self.reason else "")


def choose_sampler(settings: SearchSettings, space: SearchSpace) -> SamplerChoice:
    """Return the sampler of a search.

    Args:
        settings: Settings of the search, which may name a sampler.
        space: The space, whose limits count.

    Raises:
        UserError: If the settings name `model`, and an objective or a limit cannot be counted.
    """
    uncounted = _uncounted(settings, space)
    if settings.sampler == "model" and uncounted is not None:
        raise UserError(f"sampler model goes by counted costs: leave out {uncounted}, or take another sampler")
    if settings.sampler is not None:
        return SamplerChoice(settings.sampler)
    if uncounted is not None:
        return SamplerChoice("tpe", f"model goes by counted costs, and {uncounted} is measured")
    if settings.halving:
        return SamplerChoice("tpe", "model learns from whole trainings alone, and halving leaves few")
    return SamplerChoice("model")


def _uncounted(settings: SearchSettings, space: SearchSpace) -> str | None:
    """Return an objective or a limit that cannot be counted, as it must for networks that are never built."""
    for name in settings.objectives:
        if name != "accuracy" and OBJECTIVES[name].known != "with_design":
            return name
    return None if space.limits.max_latency is None else "max_latency"
