import pytest
import torch

from sasa_nas.exporting.einsum import einsum_by_matmul

SIZES = {"b": 2, "h": 3, "w": 4, "n": 2, "d": 5, "x": 3, "y": 2, "r": 6}


@pytest.mark.parametrize(
    ("equation", "operands"),
    [
        ("bhwnd,bhwndyx->bhwnyx", ["bhwnd", "bhwndyx"]),
        ("bhwnyx, bhwndyx -> bhwnd", ["bhwnyx", "bhwndyx"]),
        ("bhwnd,byxnd->bnhwyx", ["bhwnd", "byxnd"]),
        ("bhwnd,rd->bnwhr", ["bhwnd", "rd"]),
        ("bnd,bnd->bn", ["bnd", "bnd"]),
        ("bnd,bnd->", ["bnd", "bnd"]),
        ("hw,xy->xwyh", ["hw", "xy"]),
        ("bnd,bh->hb", ["bnd", "bh"]),
        ("bd,dr,br->b", ["bd", "dr", "br"]),
        ("hw,w,xy->yx", ["hw", "w", "xy"]),
        ("bnd->dn", ["bnd"]),
        ("rd,bd", ["rd", "bd"]),
        ("...d,dr->...r", ["bnd", "dr"]),
        ("...d,...d", ["bnd", "nd"]),
    ],
)
def test_matrix_products_give_what_torch_does(equation: str, operands: list[str]) -> None:
    generator = torch.Generator().manual_seed(0)
    tensors = [
        torch.randn([SIZES[axis] for axis in axes], generator=generator, dtype=torch.float64) for axes in operands
    ]
    expected = torch.einsum(equation, *tensors)
    torch.testing.assert_close(einsum_by_matmul(equation, tensors), expected, rtol=1e-12, atol=1e-12)


def test_diagonals_are_refused() -> None:
    with pytest.raises(ValueError, match="einsum of bb->b has an axis of one operand twice"):
        einsum_by_matmul("bb->b", [torch.zeros(2, 2)])
