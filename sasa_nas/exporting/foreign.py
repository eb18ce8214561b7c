"""Error for files that could do more than compute a network."""

from sasa_nas.errors import UserError


class ForeignFileError(UserError):
    """Error that a file has content that this version of sasa-nas does not write; it is run only if trusted."""
