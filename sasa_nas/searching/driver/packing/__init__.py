"""Finds out, before a search, how many trials side by side make the most of a machine or a card."""

from sasa_nas.searching.driver.packing.pack import pack

__all__ = ["pack"]
