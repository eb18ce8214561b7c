"""Keeps a Ray that a search starts for itself from answering anybody else."""

import os
import secrets
import sys

from sasa_nas.errors import UserError

# Ray's way to keep a node on the loopback interface; it is named after the systems where that is the default
_LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"


def keep_private() -> None:
    """Set what a Ray of this process's own reads: it listens on the loopback interface alone, and wants a token.

    Without, every port of it is open to the network; and the token that Ray makes by default lies in a file that other
    users of the machine may be able to read. This one is in the environment of the process and of its workers, which
    is theirs alone. Ray reads all this when it is imported: in a process that has imported it before, nothing changes.
    What a person has set stays.
    """
    if "ray" in sys.modules:
        return
    os.environ.setdefault(_LOOPBACK, "0")
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    if "RAY_AUTH_TOKEN_PATH" not in os.environ:
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


def require_shareable() -> None:
    """Check that this process can join a cluster.

    Raises:
        UserError: If it is kept to itself by `keep_private`.
    """
    if os.environ.get(_LOOPBACK) == "0":
        raise UserError(
            "this process has run a Ray of its own, which keeps to the machine; join a cluster in another process "
            f"(or set {_LOOPBACK}=1 beforehand)"
        )
