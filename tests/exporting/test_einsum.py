import pytest
import torch

from sasa_nas.exporting.einsum import einsum_by_matmul

SIZES = {"b": 2, "h": 3, "w": 4, "n": 2, "d": 5, "x": 3, "y": 2, "r": 6}


@pytest.mark.parametrize(
    "equation",
    [
        "bhwnd,bhwndyx->bhwnyx",
        "bhwnyx, bhwndyx -> bhwnd",
        "bhwnd,byxnd->bnhwyx",
        "bhwnd,rd->bnwhr",
        "bnd,bnd->bn",
        "bn,bn->nb",
        "hw,xy->xwyh",
    ],
)
def test_a_matrix_product_gives_what_torch_does(equation: str) -> None:
    left, right = equation.partition("->")[0].replace(" ", "").split(",")
    generator = torch.Generator().manual_seed(0)
    a, b = (
        torch.randn([SIZES[axis] for axis in axes], generator=generator, dtype=torch.float64) for axes in (left, right)
    )
    torch.testing.assert_close(einsum_by_matmul(equation, [a, b]), torch.einsum(equation, a, b), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("equation", ["bd->b", "bd,bd,bd->b", "bb,bd->bd", "bd,be->b", "...d,d->...", "bd,dr->brx"])
def test_other_sums_are_refused(equation: str) -> None:
    count = equation.partition("->")[0].count(",") + 1
    with pytest.raises(ValueError, match="is no product of two matrices"):
        einsum_by_matmul(equation, [torch.zeros(2, 2)] * count)
