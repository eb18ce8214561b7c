"""Whole-map attention as window attention, by the kernels of that on a GPU.

From the middle of an axis of L pixels a window of `2L - 1` reaches its ends, so attention over the map is window
attention of `2 * max(H, W) - 1`, masked at the edge. Kernels end their windows where the map does; the tables' offsets
beyond a shorter axis are zeros that nothing looks at.
"""

from torch import Tensor
from torch.nn import functional as F

from sasa_nas.ops.global_attention.problem import GlobalGradients, GlobalProblem
from sasa_nas.ops.local_attention.forms import Form, form_cannot, run_backward, run_forward
from sasa_nas.ops.local_attention.problem import Problem


def as_window_attention(problem: GlobalProblem) -> Problem:
    """Return the same problem with a window of twice the map."""
    height, width = problem.query.shape[1:3]
    side = max(height, width)
    rows, cols = (
        None if table is None else F.pad(table, (0, 0, side - length, side - length))
        for table, length in ((problem.rel_rows, height), (problem.rel_cols, width))
    )
    return Problem(
        query=problem.query,
        key=problem.key,
        value=problem.value,
        rel_rows=rows,
        rel_cols=cols,
        kernel_size=2 * side - 1,
        stride=1,
        scale=problem.scale,
        padding="mask",
    )


def windowed_cannot(form: Form, problem: GlobalProblem) -> str | None:
    """Return the reason why a form of window attention cannot compute a problem; None if it can."""
    return form_cannot(form, as_window_attention(problem))


def windowed_forward(form: Form, problem: GlobalProblem) -> tuple[Tensor, Tensor]:
    """Output and log-sum-exp by a form of window attention; see its `run_forward`."""
    return run_forward(form, as_window_attention(problem))


def windowed_backward(
    form: Form, problem: GlobalProblem, out: Tensor, lse: Tensor, grad_out: Tensor
) -> GlobalGradients:
    """Return the gradients by a form of window attention; see its `run_backward`."""
    query, key, value, rows, cols = run_backward(form, as_window_attention(problem), out, lse, grad_out)
    assert key is not None
    height, width = problem.query.shape[1:3]
    side = max(height, width)
    return query, key, value, _central(rows, side - height), _central(cols, side - width)


def _central(table: Tensor | None, margin: int) -> Tensor | None:
    # a copy: the results of an operator own their memory
    return table if table is None or margin == 0 else table[margin : table.shape[0] - margin].clone()
