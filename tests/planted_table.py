"""The table of `groups_64` with planted accuracies instead of trainings."""

import random
from datetime import UTC, datetime

from sasa_nas.cost import count_network
from sasa_nas.space import Architecture, Image, load_space, proxy_of
from sasa_nas.space.enumeration import every_design
from sasa_nas.table import Row, Table, TableInfo

EFFECTS = (-0.01, 0.0, 0.02, 0.03)
"""Planted gain of window attention in each stage."""
TOGETHER = 0.02
"""What attention in the last two stages gives beyond the sum."""
NOISE = 0.002
"""Standard deviation between seeds."""
EPOCHS = 3


def accuracy_of(architecture: Architecture) -> float:
    """The true final accuracy of a network."""
    attends = [stage.operator.kind != "conv" for stage in architecture.stages]
    gains = sum(effect for effect, present in zip(EFFECTS, attends, strict=True) if present)
    return 0.25 + gains + (TOGETHER if attends[2] and attends[3] else 0.0)


def planted_table(seeds: int = 3, repeated: int = 16, noise: float = NOISE) -> Table:
    """A table of all 16 networks, of which the first `repeated` have all seeds and the others one.

    Accuracy rises by 0.05 an epoch up to the true one, and each epoch has noise of its own.
    """
    draw = random.Random(0)
    space = load_space("groups_64")
    image = Image(channels=3, height=64, width=64)
    rows = []
    for place, (choices, design) in enumerate(every_design(space)):
        network = proxy_of(design, space.proxy, image, 40)
        counts = count_network(network).total
        trainings = range(seeds if place < repeated else 1)
        rows.append(
            Row(
                choices=choices,
                architecture=network,
                flops=counts.flops(),
                params=counts.params,
                macs={},
                accuracy=tuple(
                    tuple(
                        accuracy_of(network) - 0.05 * (EPOCHS - 1 - epoch) + draw.gauss(0.0, noise)
                        for epoch in range(EPOCHS)
                    )
                    for _ in trainings
                ),
                train_loss=tuple((1.0,) * EPOCHS for _ in trainings),
                validation_loss=tuple(
                    tuple(3.0 - accuracy_of(network) + draw.gauss(0.0, noise) for _ in range(EPOCHS)) for _ in trainings
                ),
                seconds=tuple(10.0 + place for _ in trainings),
                latency=1e-3 * (1 + place % 5),
            )
        )
    info = TableInfo(
        space=space.model_dump(mode="json"),
        dataset="digits",
        epochs=EPOCHS,
        seeds=tuple(range(seeds)),
        train_images=10,
        validation_images=5,
        created=datetime(2026, 1, 2, tzinfo=UTC),
        versions={"torch": "2"},
        git=None,
        device="cpu",
    )
    return Table(info=info, rows=tuple(rows))
