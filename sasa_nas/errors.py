"""The one family of errors that a person can cause and mend."""


class UserError(Exception):
    """A mistake in what was asked for: one line that says what is wrong and what to do.

    The command line prints the message alone, without a traceback, and exits with status 2.
    """


def one_line(error: BaseException) -> str:
    """Return the message of `error` without line breaks, its type's name where it has no message."""
    return " ".join(str(error).split()) or type(error).__name__


LONGEST_TEXT = 2000
"""Characters of one text that are shown; more is no help to anybody, and may be there to do harm."""


def printable(text: object, *, longest: int = LONGEST_TEXT) -> str:
    """Return a text that stays one line: what a terminal would obey, or cannot show, is written as escapes.

    Such are control characters, line breaks, marks that turn the direction of writing, and halves of characters.

    Args:
        text: The text, or a path.
        longest: Characters after which it is cut off.
    """
    shown = str(text)
    more = len(shown) > longest
    escaped = "".join(c if c.isprintable() else repr(c)[1:-1] for c in shown[:longest])
    return f"{escaped}..." if more else escaped


MOST_LINES = 200
"""Lines of one text that are shown."""


def printable_lines(text: str) -> str:
    """Return a text of several lines, each as `printable` makes it, but for tabs between columns."""
    lines = text.split("\n", MOST_LINES)
    shown = ["\t".join(map(printable, line.split("\t", MOST_LINES))) for line in lines[:MOST_LINES]]
    return "\n".join([*shown, *(["..."] if len(lines) > MOST_LINES else [])])
