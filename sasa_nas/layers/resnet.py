"""The frame of every residual network here: stem, stages, head, pooling, classifier."""

from collections.abc import Sequence

import torch
from torch import nn


class ResNet(nn.Module):
    """A residual image classifier (He et al. 2015, arXiv 1512.03385).

    Args:
        stem: A module from images to the first stage's input.
        stages: One module a stage, as a rule an `nn.Sequential` of blocks.
        num_features: Channels that are pooled and classified: the head's output or, without one, the last stage's.
        num_classes: Width of the logits.
        head: Module between the last stage and the pool; None for none.
    """

    def __init__(
        self,
        stem: nn.Module,
        stages: Sequence[nn.Module],
        num_features: int,
        num_classes: int,
        *,
        head: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.num_features, self.num_classes = num_features, num_classes
        self.stem = stem
        self.stages = nn.ModuleList(stages)
        self.head = head
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(num_features, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images `(B, channels, H, W)` to logits `(B, num_classes)`."""
        x = self.stem(images)
        for stage in self.stages:
            x = stage(x)
        if self.head is not None:
            x = self.head(x)
        logits: torch.Tensor = self.classifier(self.pool(x).flatten(1))
        return logits
