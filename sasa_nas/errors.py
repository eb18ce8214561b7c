"""The error of users' mistakes, and safe printing of texts."""


class UserError(Exception):
    """Error of a user's mistake, with a message of one line: the mistake and its remedy.

    The command line prints the message alone, without a traceback, and exits with status 2.
    """


def one_line(error: BaseException) -> str:
    """Return the message of `error` without line breaks; if it has none, its type's name."""
    return " ".join(str(error).split()) or type(error).__name__


LONGEST_TEXT = 2000
"""Most characters of a printed text."""


def printable(text: object, *, longest: int = LONGEST_TEXT) -> str:
    """Return a text as one printable line, with unprintable characters escaped.

    These are control characters, line breaks, marks of the direction of writing, and surrogates.

    Args:
        text: The text, or a path.
        longest: Most characters; the rest is cut off.
    """
    shown = str(text)
    more = len(shown) > longest
    escaped = "".join(c if c.isprintable() else repr(c)[1:-1] for c in shown[:longest])
    return f"{escaped}..." if more else escaped


MOST_LINES = 200
"""Most lines of a printed text."""


def printable_lines(text: str) -> str:
    """Return a text of several printable lines, with tabs between columns kept."""
    lines = text.split("\n", MOST_LINES)
    shown = ["\t".join(map(printable, line.split("\t", MOST_LINES))) for line in lines[:MOST_LINES]]
    return "\n".join([*shown, *(["..."] if len(lines) > MOST_LINES else [])])
