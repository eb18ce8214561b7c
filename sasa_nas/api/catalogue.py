"""Catalogues of what is available: named networks, search spaces, data sets, operators, recipes."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sasa_nas.analysis.catalogue import DatasetEntry, ModelEntry, OperatorEntry, RecipeEntry, SpaceEntry


def list_models() -> "list[ModelEntry]":
    """Return all named networks, with parameters and FLOPs.

    Examples:
        >>> import sasa_nas
        >>> [entry.name for entry in sasa_nas.list_models()][:2]  # doctest: +SKIP
    """
    from sasa_nas.analysis.catalogue import models

    return models()


def list_spaces() -> "list[SpaceEntry]":
    """Return the search spaces that ship with the package.

    Examples:
        >>> import sasa_nas
        >>> "tiny" in [entry.name for entry in sasa_nas.list_spaces()]
        True
    """
    from sasa_nas.analysis.catalogue import spaces

    return spaces()


def list_datasets() -> "list[DatasetEntry]":
    """Return all data sets.

    Examples:
        >>> import sasa_nas
        >>> "digits" in [entry.name for entry in sasa_nas.list_datasets()]
        True
    """
    from sasa_nas.analysis.catalogue import datasets

    return datasets()


def list_operators() -> "list[OperatorEntry]":
    """Return all operators, stems and kinds of channel attention, with their fields.

    Examples:
        >>> import sasa_nas
        >>> "local_attention" in [entry.kind for entry in sasa_nas.list_operators()]
        True
    """
    from sasa_nas.analysis.catalogue import operators

    return operators()


def list_recipes() -> "list[RecipeEntry]":
    """Return the recipes of full trainings that ship with the package.

    Examples:
        >>> import sasa_nas
        >>> "rsb_a3" in [entry.name for entry in sasa_nas.list_recipes()]
        True
    """
    from sasa_nas.analysis.catalogue import recipes

    return recipes()
