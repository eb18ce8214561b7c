"""The error of files that could do more than compute a network."""

from sasa_nas.errors import UserError


class ForeignFileError(UserError):
    """A file holds something that this version of sasa-nas does not write; it runs by a person's consent alone."""
