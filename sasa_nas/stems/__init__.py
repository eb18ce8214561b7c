"""Stems, the first layers of a network, one folder each: the description, the layer, and facts about it.

A kind is added by `register_stem`. Descriptions import no torch; layers and facts do.
"""

from sasa_nas.nodes import import_folders
from sasa_nas.stems.base import Stem
from sasa_nas.stems.registry import STEMS, AnyStem, StemEntry, register_stem

__all__ = ["STEMS", "AnyStem", "Stem", "StemEntry", "register_stem"]

import_folders(__name__, __path__, first="conv")
