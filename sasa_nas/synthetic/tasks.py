"""Synthetic tasks by name, with their planted effects."""

from sasa_nas.errors import UserError
from sasa_nas.synthetic.planted import Planted

PREFIX = "synthetic:"

_BY_STAGE: dict[str, tuple[float, float, float, float]] = {
    "local_attention": (-0.06, 0.02, 0.05, 0.10),
    "augmented_conv": (0.01, 0.02, 0.04, 0.06),
    "pairwise": (-0.04, 0.00, 0.03, 0.04),
    "patchwise": (-0.05, 0.01, 0.03, 0.05),
    "global_attention": (-0.08, -0.02, 0.04, 0.08),
}
"""Effects against convolution in the first to the fourth stage: late stages gain, as papers have it."""

_ADDITIVE = {(stage, kind): effect for kind, effects in _BY_STAGE.items() for stage, effect in enumerate(effects)}

TASKS: dict[str, Planted] = {
    f"{PREFIX}additive": Planted(operators=_ADDITIVE),
    f"{PREFIX}interaction": Planted(operators=_ADDITIVE, interactions={(1, 2): 0.08}),
    f"{PREFIX}null": Planted(),
    f"{PREFIX}conditional": Planted(
        operators=_ADDITIVE,
        parameters={(2, "local_attention", "kernel_size", 5): 0.04, (2, "local_attention", "kernel_size", 7): 0.08},
    ),
    f"{PREFIX}flops": Planted(operators={(2, "local_attention"): 0.08}, per_decade=0.15),
}
"""- `additive`: each operator has an effect in each stage, and they sum up.
- `interaction`: the same, and attention in the second and third stage together gains 0.08 more.
- `null`: nothing has any effect.
- `conditional`: as `additive`, and in the third stage window attention gains with its window.
- `flops`: accuracy grows with FLOPs, however they are spent, but for window attention in the third stage.
"""


def is_synthetic(dataset: str) -> bool:
    """Return whether a data set's name is a synthetic task's, known or not."""
    return dataset.startswith(PREFIX)


def planted(dataset: str) -> Planted:
    """Effects planted in a task.

    Raises:
        UserError: If there is no such task.
    """
    if dataset not in TASKS:
        raise UserError(f"unknown synthetic task '{dataset}'; there is: {', '.join(TASKS)}")
    return TASKS[dataset]
