"""Download of a file, in bounded time and atomically."""

import hashlib
import http.client
import queue
import tempfile
import threading
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from sasa_nas.errors import one_line
from sasa_nas.files import cache_folder

_CHUNK_BYTES = 1 << 20


class DownloadError(Exception):
    """Error that no address gave the file; the message has the reason in one line."""


def default_data_dir() -> Path:
    """Return the default folder of downloads: `sasa-nas/data` in the user's cache folder."""
    return cache_folder() / "data"


def fetch(urls: Sequence[str], target: Path, *, md5: str, timeout: float = 10.0) -> None:
    """Download `target` from the first address that has it.

    The file appears under its name only when it is complete and its checksum is right, so processes that fetch
    it at once do not disturb each other.

    Args:
        urls: Addresses of the same file, tried in order.
        target: The file to make; its folder is made too.
        md5: The checksum that its publisher gives.
        timeout: Longest wait in seconds for an answer, and then for each further piece.

    Raises:
        DownloadError: If no address gave the file, or the folder cannot be written to.
    """
    reasons = []
    for url in urls:
        try:
            _fetch_one(url, target, md5=md5, timeout=timeout)
        except (OSError, http.client.HTTPException, ValueError) as error:
            reasons.append(f"{url}: {one_line(error)}")
        else:
            return
    raise DownloadError("; ".join(reasons))


def _fetch_one(url: str, target: Path, *, md5: str, timeout: float) -> None:
    # The publishers' checksums; they guard against damage, not against an attacker.
    digest = hashlib.md5(usedforsecurity=False)
    with _open(url, timeout) as response:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".download-") as folder:
            partial = Path(folder) / target.name
            with partial.open("wb") as file:
                while chunk := response.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    file.write(chunk)
            if digest.hexdigest() != md5:
                raise ValueError(f"the checksum is {digest.hexdigest()}, not {md5}")
            partial.replace(target)


def _open(url: str, timeout: float) -> http.client.HTTPResponse:
    """Open an address, waiting no longer than `timeout` for the name to be resolved either.

    A socket's timeout does not bound name resolution, which can take half a minute where packets are dropped;
    so it happens in a thread that is left behind.
    """
    answers: queue.SimpleQueue[http.client.HTTPResponse | Exception] = queue.SimpleQueue()

    def ask() -> None:
        request = urllib.request.Request(url, headers={"User-Agent": "sasa-nas"})
        try:
            answers.put(urllib.request.urlopen(request, timeout=timeout))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=timeout)
    except queue.Empty:
        raise TimeoutError(f"no answer within {timeout:g} seconds") from None
    if isinstance(answer, Exception):
        raise answer
    return answer
