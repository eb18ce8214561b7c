"""Joins an operator of torch's library with the one that computes its gradients."""

from typing import Any

from torch import Tensor
from torch.library import CustomOpDef  # type: ignore[attr-defined]

from sasa_nas.ops.arguments import no_other_derivative


def register_gradients(
    name: str,
    operator: CustomOpDef,
    backward: CustomOpDef,
    *,
    tensors: int,
    keeps_outputs: bool,
    keeps_first: bool = True,
) -> None:
    """Make `backward` the derivative of `operator`, and refuse a derivative of that.

    Args:
        name: Name of the operator in the message that refuses a derivative.
        operator: Takes tensors, some of which may be None, then options that have no gradient. Of several outputs the
            first is what is differentiated; the others are kept for `backward` alone.
        backward: Takes the gradient of the output, the operator's tensors, its outputs where they are kept, and its
            options; returns a gradient for each tensor, anything for one that is None.
        tensors: Number of the operator's arguments that are tensors.
        keeps_outputs: Whether `backward` wants the outputs.
        keeps_first: Whether it wants the first of them too.
    """

    def keep(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        outputs = output if isinstance(output, tuple) else (output,)
        ctx.options = inputs[tensors:]
        ctx.save_for_backward(*inputs[:tensors], *(outputs[0 if keeps_first else 1 :] if keeps_outputs else ()))

    def differentiate(ctx: Any, grad_out: Tensor, *_others: Tensor) -> tuple[Tensor | None, ...]:
        kept = ctx.saved_tensors
        gradients = backward(grad_out, *kept, *ctx.options)
        present = (None if tensor is None else g for tensor, g in zip(kept[:tensors], gradients, strict=True))
        return (*present, *(None for _ in ctx.options))

    def refuse(ctx: Any, *gradients: Tensor) -> None:
        raise NotImplementedError(no_other_derivative(name))

    operator.register_autograd(differentiate, setup_context=keep)
    backward.register_autograd(refuse)
