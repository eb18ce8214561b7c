"""The two heads that all levels share, without losses."""

from collections.abc import Iterable

from torch import Tensor, nn


class ClassHead(nn.Module):
    """The classes at each place of a level.

    Args:
        conv: The layers before the last one.
        cls_logits: The last one, to `A * num_classes` channels.
        num_classes: Number of classes.
    """

    def __init__(self, conv: nn.Module, cls_logits: nn.Module, num_classes: int) -> None:
        super().__init__()
        self.conv = conv
        self.cls_logits = cls_logits
        self.num_classes = num_classes

    def forward(self, level: Tensor) -> Tensor:
        """Map a level `(B, channels, H, W)` to logits `(B, H * W * A, num_classes)`, cell by cell in rows."""
        return by_anchor(self.cls_logits(self.conv(level)), self.num_classes)


class BoxHead(nn.Module):
    """The offsets of boxes from the anchors at each place of a level.

    Args:
        conv: The layers before the last one.
        bbox_reg: The last one, to `A * 4` channels.
    """

    def __init__(self, conv: nn.Module, bbox_reg: nn.Module) -> None:
        super().__init__()
        self.conv = conv
        self.bbox_reg = bbox_reg

    def forward(self, level: Tensor) -> Tensor:
        """Map a level `(B, channels, H, W)` to offsets `(B, H * W * A, 4)`, cell by cell in rows."""
        return by_anchor(self.bbox_reg(self.conv(level)), 4)


class LevelHeads(nn.Module):
    """Both heads.

    Args:
        classification_head: The classes.
        regression_head: The boxes.
    """

    def __init__(self, classification_head: ClassHead, regression_head: BoxHead) -> None:
        super().__init__()
        self.classification_head = classification_head
        self.regression_head = regression_head

    def forward(self, levels: Iterable[Tensor]) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Map levels `(B, channels, H, W)` to their logits and their offsets, in float32."""
        levels = tuple(levels)
        logits = tuple(self.classification_head(level).float() for level in levels)
        return logits, tuple(self.regression_head(level).float() for level in levels)


def by_anchor(x: Tensor, width: int) -> Tensor:
    """Map `(B, A * width, H, W)` to `(B, H * W * A, width)`."""
    batch, _, height, columns = x.shape
    return x.view(batch, -1, width, height, columns).permute(0, 3, 4, 1, 2).reshape(batch, -1, width)
