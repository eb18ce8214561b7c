"""Parsers of options that are counts, such as 1e6, 2M or 2.5G."""

import typer


def parse_count(text: str) -> int:
    """Parse a whole number.

    Raises:
        typer.BadParameter: If the text is no whole number, or below 1.
    """
    number = parse_amount(text)
    if number != int(number) or number < 1:
        raise typer.BadParameter(f"'{text}' is no whole number of at least 1")
    return int(number)


def parse_amount(text: str) -> float:
    """Parse a number.

    Raises:
        typer.BadParameter: If the text is no number.
    """
    from sasa_nas.nodes.quantity import parse_quantity

    try:
        return parse_quantity(str(text))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
