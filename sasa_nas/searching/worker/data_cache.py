"""The data set of a worker, read once for many trials."""

from pathlib import Path

from sasa_nas.data.registry import load_for_search
from sasa_nas.data.splits import SearchSplits
from sasa_nas.space import Proxy


class DataCache:
    """The data set that a worker read last, kept from one trial to the next."""

    def __init__(self) -> None:
        self._key: tuple[str, Path, int | None, int | None] | None = None
        self._splits: SearchSplits | None = None

    def get(self, proxy: Proxy, data_dir: Path) -> SearchSplits:
        """Return the splits of the proxy's data set."""
        key = (proxy.dataset, data_dir, proxy.image_size, proxy.train_images)
        if self._splits is None or key != self._key:
            self._splits = load_for_search(
                proxy.dataset, data_dir=data_dir, image_size=proxy.image_size, train_images=proxy.train_images
            )
            self._key = key
        return self._splits
