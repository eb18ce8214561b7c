"""The frame of every residual network here: stem, stages, head, pooling, classifier."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, get_args

from torch import Tensor, nn

from sasa_nas.layers.checkpointing import checkpointed
from sasa_nas.layers.positions import is_position

GlobalPool = Literal["avg", "max", ""]
"""Pooling before the classifier: the mean or the maximum of each channel, or none."""


class ResNet(nn.Module):
    """A residual image classifier (He et al. 2015, arXiv 1512.03385), with the interface of timm's models.

    Args:
        stem: A module from images to the first stage's input.
        stages: One module a stage, as a rule an `nn.Sequential` of blocks.
        num_features: Channels that are pooled and classified: the head's output or, without one, the last stage's.
        num_classes: Width of the logits; 0 for pooled features without a classifier.
        in_chans: Channels of the images.
        stage_channels: Channels of each stage's output.
        stage_reductions: Pixels of the image per cell of each stage's output, in either direction.
        head: Module between the last stage and the pool; None for none.
        global_pool: Pooling before the classifier; "" needs `num_classes` 0.

    Attributes:
        feature_info: Channels (`num_chs`), reduction and name (`module`) of each stage.
        head_hidden_size: Width of the classifier's input.
        pretrained_cfg: Facts about the weights and the images that they expect, as timm names them; empty if unknown.
        default_cfg: The same, by its earlier name.

    Raises:
        ValueError: If channels or reductions are not one a stage, or the pooling does not exist or fit.
    """

    def __init__(
        self,
        stem: nn.Module,
        stages: Iterable[nn.Module],
        num_features: int,
        num_classes: int,
        *,
        in_chans: int,
        stage_channels: Sequence[int],
        stage_reductions: Sequence[int],
        head: nn.Module | None = None,
        global_pool: GlobalPool = "avg",
    ) -> None:
        super().__init__()
        self.num_features, self.in_chans = num_features, in_chans
        self.stage_channels, self.stage_reductions = tuple(stage_channels), tuple(stage_reductions)
        self.stem = stem
        self.stages = nn.Sequential(*stages)
        self.head = head
        if not len(self.stages) == len(self.stage_channels) == len(self.stage_reductions):
            raise ValueError(
                f"stage_channels={self.stage_channels} and stage_reductions={self.stage_reductions} must have one "
                f"number for each of {len(self.stages)} stages"
            )
        self.feature_info: list[dict[str, Any]] = [
            {"num_chs": channels, "reduction": reduction, "module": f"stages.{i}"}
            for i, (channels, reduction) in enumerate(zip(self.stage_channels, self.stage_reductions, strict=True))
        ]
        if head is not None and self.feature_info:
            self.feature_info[-1]["num_chs_norm"] = num_features
        self.grad_checkpointing = False
        self.pretrained_cfg: dict[str, Any] = {}
        self.default_cfg = self.pretrained_cfg
        self._set_classifier(num_classes, global_pool)

    def forward(self, images: Tensor) -> Tensor:
        """Images `(B, in_chans, H, W)` to logits `(B, num_classes)`."""
        return self.forward_head(self.forward_features(images))

    def forward_features(self, images: Tensor) -> Tensor:
        """Images `(B, in_chans, H, W)` to the map that is pooled, `(B, num_features, h, w)`."""
        x: Tensor = self.stem(images)
        for stage in self.stages:
            x = self._run(stage, x)
        return x if self.head is None else self.head(x)

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Pool and classify the map of `forward_features`.

        Args:
            x: The map, `(B, num_features, h, w)`.
            pre_logits: Whether to leave out the classifier.
        """
        x = self.pool(x)
        if self.global_pool:
            x = x.flatten(1)
        return x if pre_logits else self.classifier(x)

    def forward_intermediates(
        self,
        x: Tensor,
        indices: int | Sequence[int] | None = None,
        norm: bool = False,
        stop_early: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> list[Tensor] | tuple[Tensor, list[Tensor]]:
        """Return the maps of several stages, in the stages' order.

        Args:
            x: Images, `(B, in_chans, H, W)`.
            indices: Indices of the stages, negative ones from the end; a number for as many last ones; None for all.
            norm: Whether the last stage's map is that behind the head.
            stop_early: Whether to run no stage after the last one that is asked for.
            output_fmt: Layout of the maps, "NCHW".
            intermediates_only: Whether to return the maps alone.

        Returns:
            The result of `forward_features` (with `stop_early`, the last map computed) and the maps; or these alone.

        Raises:
            ValueError: If there is no such stage or layout.
        """
        if output_fmt != "NCHW":
            raise ValueError(f"output_fmt must be NCHW, got {output_fmt}")
        taken = stage_indices(len(self.stages), indices)
        last = len(self.stages) - 1
        maps: list[Tensor] = []
        x = self.stem(x)
        for i, stage in enumerate(self.stages[: max(taken) + 1] if stop_early else self.stages):
            x = self._run(stage, x)
            found = x
            if i == last and self.head is not None and (norm or not intermediates_only):
                x = self.head(x)
            if i in taken:
                maps.append(x if norm else found)
        return maps if intermediates_only else (x, maps)

    def prune_intermediate_layers(
        self, indices: int | Sequence[int] = 1, prune_norm: bool = False, prune_head: bool = True
    ) -> list[int]:
        """Remove the layers that `forward_intermediates` does not need.

        Args:
            indices: Stages that are needed, as for `forward_intermediates`.
            prune_norm: Whether to remove the head; it goes with the last stage in any case.
            prune_head: Whether to remove pooling and classifier; they go with the head in any case.

        Returns:
            The indices of the stages, none negative.
        """
        taken = stage_indices(len(self.stages), indices)
        last = max(taken)
        is_cut = last < len(self.stages) - 1
        self.stages = self.stages[: last + 1]
        loses_head = self.head is not None and (prune_norm or is_cut)
        if loses_head or is_cut:
            self.head = None
            self.num_features = self.stage_channels[last]
        if prune_head or loses_head or is_cut:
            self.reset_classifier(0, "")
        return taken

    def get_classifier(self) -> nn.Module:
        """Return the classifier, `nn.Identity` if there is none."""
        return self.classifier

    def reset_classifier(self, num_classes: int, global_pool: GlobalPool | None = None) -> None:
        """Replace the classifier by a new one, freshly initialised.

        Args:
            num_classes: Width of the logits; 0 for no classifier.
            global_pool: Pooling before it; None to leave it as it is.

        Raises:
            ValueError: If there is no such pooling, or a classifier and no pooling.
        """
        like = next(self.parameters())
        self._set_classifier(num_classes, self.global_pool if global_pool is None else global_pool)
        self.classifier.to(like.device, like.dtype).train(self.training)

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Have the backward pass compute the blocks' activations again instead of keeping them."""
        self.grad_checkpointing = enable

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Return the groups of parameters from input to output, as patterns of their names.

        Args:
            coarse: Whether a stage is a group, instead of each block.
        """
        blocks = r"^stages\.(\d+)" if coarse else r"^stages\.(\d+)\.(\d+)"
        return {"stem": r"^stem", "blocks": [(blocks, None), (r"^head", (99999,))]}

    def no_weight_decay(self) -> set[str]:
        """Return the names of parameters that weight decay should spare beside norms and biases."""
        return {name for name, _ in self.named_parameters() if is_position(name)}

    def _run(self, stage: nn.Module, x: Tensor) -> Tensor:
        if not self.grad_checkpointing:
            out: Tensor = stage(x)
            return out
        for block in stage if isinstance(stage, nn.Sequential) else [stage]:
            x = checkpointed(block, x)
        return x

    def _set_classifier(self, num_classes: int, global_pool: GlobalPool) -> None:
        if global_pool not in get_args(GlobalPool):
            raise ValueError(f"global_pool must be one of {get_args(GlobalPool)}, got {global_pool!r}")
        if num_classes and not global_pool:
            raise ValueError(f"without a pool there is no classifier: num_classes must be 0, got {num_classes}")
        self.num_classes = num_classes
        self.global_pool: GlobalPool = global_pool
        self.head_hidden_size = self.num_features
        pools = {"avg": nn.AdaptiveAvgPool2d, "max": nn.AdaptiveMaxPool2d}
        self.pool = pools[global_pool](1) if global_pool else nn.Identity()
        self.classifier: nn.Module = nn.Linear(self.num_features, num_classes) if num_classes else nn.Identity()


def stage_indices(count: int, indices: int | Sequence[int] | None) -> list[int]:
    """Return the indices of chosen stages, none negative.

    Args:
        count: Number of stages.
        indices: Indices, negative ones from the end; a number for as many last ones; None for all.

    Raises:
        ValueError: If there is no such stage.
    """
    if indices is None:
        return list(range(count))
    chosen = list(range(-indices, 0)) if isinstance(indices, int) else list(indices)
    if not chosen or any(not -count <= i < count for i in chosen):
        raise ValueError(f"indices={indices} must name some of {count} stages")
    return [i % count for i in chosen]
