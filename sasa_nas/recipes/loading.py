"""Recipes by the name of a preset or from a file, and changes to them."""
