"""Raw images of a file, before splitting, resizing and standardising."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sasa_nas.data.splits import Indices


@dataclass(frozen=True, eq=False)
class RawImages:
    """One official part of a data set.

    Attributes:
        images: (N, C, H, W), uint8.
        labels: (N,), int64: index of each image's class.
    """

    images: npt.NDArray[np.uint8]
    labels: Indices
