"""Options that take a count, as people write it: 1e6, 2M, 2.5G."""

import typer


def parse_count(text: str) -> int:
    """Return the whole number that a text stands for.

    Raises:
        typer.BadParameter: If it is none, or below 1.
    """
    number = parse_amount(text)
    if number != int(number) or number < 1:
        raise typer.BadParameter(f"'{text}' is no whole number of at least 1")
    return int(number)


def parse_amount(text: str) -> float:
    """Return the number that a text stands for.

    Raises:
        typer.BadParameter: If it is none.
    """
    from sasa_nas.nodes.quantity import parse_quantity

    try:
        return parse_quantity(str(text))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
