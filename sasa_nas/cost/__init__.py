"""Parameters and multiply-accumulates by category and by stage, and the conventions that papers count FLOPs by."""

from sasa_nas.cost.network import NetworkCounts, count_module, count_network
from sasa_nas.operators.counts import CONVENTIONS, Convention, Counts, Elementwise, Macs

__all__ = [
    "CONVENTIONS",
    "Convention",
    "Counts",
    "Elementwise",
    "Macs",
    "NetworkCounts",
    "count_module",
    "count_network",
]
