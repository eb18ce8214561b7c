"""Data sets of one's own, named by their folder: `imagefolder:PATH`, `coco:PATH`."""

from pathlib import Path


def folder_of(name: str, data_dir: Path | None) -> Path:
    """The absolute path in a data set's name.

    Args:
        name: What kind of folder, a colon, and the path; a relative one is looked for in the working directory and
            then in `data_dir`.
        data_dir: Where one's data sets lie.
    """
    path = Path(name.partition(":")[2]).expanduser()
    if data_dir is not None and not path.exists() and (data_dir / path).exists():
        path = data_dir / path
    return path.resolve()
