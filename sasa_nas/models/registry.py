"""Registry of named networks, each an `Architecture` made by a function of `families`."""

import difflib
from collections.abc import Callable, Collection
from functools import partial

from sasa_nas.channel_attention import CHANNEL_ATTENTIONS
from sasa_nas.channel_attention.squeeze_excitation import SqueezeExcitation
from sasa_nas.errors import UserError
from sasa_nas.models.families import (
    BASIC_DEPTHS,
    BOTTLENECK_DEPTHS,
    MNASNET_WIDTHS,
    SAN_DEPTHS,
    aa_resnet,
    channel_attention_resnet,
    mnasnet,
    resnet,
    san,
    sasa_resnet,
    wide_resnet,
)
from sasa_nas.operators.pairwise import Pairwise
from sasa_nas.operators.patchwise import Patchwise
from sasa_nas.space.architecture import Architecture

NETWORKS: dict[str, Callable[[], Architecture]] = {
    **{f"resnet{depth}": partial(resnet, depth) for depth in (*BASIC_DEPTHS, *BOTTLENECK_DEPTHS)},
    **{f"sasa_resnet{depth}": partial(sasa_resnet, depth, attention_stem=False) for depth in (26, 38, 50)},
    **{f"sasa_full_resnet{depth}": partial(sasa_resnet, depth, attention_stem=True) for depth in (26, 38, 50)},
    **{f"aa_resnet{depth}": partial(aa_resnet, depth) for depth in (34, 50, 101, 152)},
    "wrn_28_10": partial(wide_resnet, 28, 10, augmented=False),
    "aa_wrn_28_10": partial(wide_resnet, 28, 10, augmented=True),
    **{f"mnasnet_{name}": partial(mnasnet, width, augmented=False) for name, width in MNASNET_WIDTHS.items()},
    **{f"aa_mnasnet_{name}": partial(mnasnet, width, augmented=True) for name, width in MNASNET_WIDTHS.items()},
    **{f"san{depth}_pairwise": partial(san, depth, Pairwise()) for depth in SAN_DEPTHS},
    **{f"san{depth}_patchwise": partial(san, depth, Patchwise()) for depth in SAN_DEPTHS},
    **{
        f"{entry.kind}_resnet50": partial(channel_attention_resnet, 50, entry.description.model_validate({}))
        for entry in CHANNEL_ATTENTIONS
    },
    **{f"se_resnet{d}": partial(channel_attention_resnet, d, SqueezeExcitation()) for d in (34, 101, 152)},
}
"""All named networks: functions that return the architecture, by name."""


def model_architecture(name: str) -> Architecture:
    """Return the architecture of the network called `name`, for its paper's images and classes.

    Raises:
        UserError: If the name is unknown.
    """
    if name not in NETWORKS:
        raise UserError(unknown_name(name, NETWORKS))
    return NETWORKS[name]()


def unknown_name(name: str, known: Collection[str]) -> str:
    """Return the error that no network is called `name`, with the most similar of the known names."""
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return f"no network is called '{name}': {hint}`sasa-nas list models` shows all {len(known)}"


def list_models() -> list[str]:
    """Return the names of all named networks, in alphabetical order."""
    return sorted(NETWORKS)
