"""The one family of errors that a person can cause and mend."""


class UserError(Exception):
    """A mistake in what was asked for: one line that says what is wrong and what to do.

    The command line prints the message alone, without a traceback, and exits with status 2.
    """


def one_line(error: BaseException) -> str:
    """The message of `error` without line breaks, its type's name where it has no message."""
    return " ".join(str(error).split()) or type(error).__name__


def printable(path: object) -> str:
    """The text of a path with what a terminal would obey, or cannot show, written as escapes: it stays one line."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(path))
