"""Which rows a model of gemm_w8a8_grouped takes for whose."""

from __future__ import annotations

import pytest

from npuemu.models import estimate


@pytest.mark.parametrize(
    ("given", "same"),
    [(None, (2, 3, 2, 3)), ((8, 8, 0, 1), (8, 2, 0, 0)), ((0, 10, 10, 10), (0, 10, 0, 0))],
)
def test_groups_end_with_the_rows_of_a(
    given: tuple[int, ...] | None, same: tuple[int, ...]
) -> None:
    """Without sizes the groups have even shares of all rows."""
    inputs = {} if given is None else {"group_sizes": given}
    sizes = {"M": 10, "N": 96, "K": 320, "G": 4}
    found = estimate("gemm_w8a8_grouped", "ascend910b1", blocks=2, inputs=inputs, **sizes)
    assert found == estimate(
        "gemm_w8a8_grouped", "ascend910b1", blocks=2, inputs={"group_sizes": same}, **sizes
    )
    assert found.traffic["C"] == (0, 2 * 10 * 96)


def test_without_rows_nothing_moves_but_the_sizes() -> None:
    found = estimate(
        "gemm_w8a8_grouped", "ascend950pr", inputs={"group_sizes": (0, 0)}, M=3, N=16, K=64, G=2
    )
    assert {name for name, moved in found.traffic.items() if any(moved)} == {"group_sizes"}
