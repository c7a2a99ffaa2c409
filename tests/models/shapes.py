"""What models are compared on, by kind of kernel: large shapes for cycles, awkward for traffic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Sizes = tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """Parameters of a run, its blocks (0: the whole die) and its steering inputs."""

    params: Mapping[str, int]
    blocks: int = 0
    inputs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def __str__(self) -> str:
        shape = "x".join(str(v) for v in self.params.values())
        named = [f"{name}-{_shown(values)}" for name, values in self.inputs.items()]
        return "-".join([shape, str(self.blocks or "all"), *named])


def _shown(values: Sizes) -> str:
    """Equal values once: a name that fits on a line."""
    return f"{len(values)}x{values[0]}" if len(set(values)) == 1 else "+".join(map(str, values))


def _gemm(m: int, n: int, k: int, blocks: int = 0) -> Case:
    return Case({"M": m, "N": n, "K": k}, blocks)


def _grouped(sizes: Sizes, n: int, k: int, blocks: int = 0, spare: int = 0) -> Case:
    params = {"M": sum(sizes) + spare, "N": n, "K": k, "G": len(sizes)}
    return Case(params, blocks, {"group_sizes": sizes})


def _quantize(m: int, k: int, blocks: int = 0) -> Case:
    return Case({"M": m, "K": k}, blocks)


def _attention(sizes: Sizes, blocks: int = 0, causal: int = 0, lengths: Sizes = ()) -> Case:
    names = ("H", "NQ", "G", "KV", "D")
    params = {**dict(zip(names, sizes, strict=True)), "CAUSAL": causal}
    return Case(params, blocks, {"kv_len": lengths or (params["KV"],) * params["H"]})


def _loaded_twice(cases: tuple[Case, ...]) -> tuple[Case, ...]:
    """Each tile of keys and values once for the high part and once for the low one."""
    return tuple(Case({**c.params, "RESIDENT": 0}, c.blocks, c.inputs) for c in cases)


def _whole_die_and_one_block(*cases: Case) -> tuple[Case, ...]:
    return tuple(Case(c.params, b, c.inputs) for c in cases for b in (1, 0))


_GEMM_SIZES = ((256, 4096, 4096), (512, 7168, 2048), (1024, 4096, 4096))
_LARGE_ATTENTION = _whole_die_and_one_block(
    _attention((32, 1, 8, 8192, 128)),  # decoding
    _attention((48, 1024, 1, 1024, 128), causal=1),  # prefill
    _attention((64, 256, 2, 2048, 64)),
)
_SMALL_ATTENTION = (
    _attention((1, 1, 1, 1, 32), 1), _attention((3, 5, 3, 150, 64), 2, 0, (150, 0, 77)),
    _attention((2, 35, 2, 333, 96), 24, 1, (333, 20)),
    _attention((5, 1, 8, 700, 128), 3, 0, (1, 700, 699, 512, 0)),
    _attention((1, 200, 1, 130, 32), 5, 1), _attention((4, 67, 2, 2048, 64), 20, 1),
)  # fmt: skip
LARGE: dict[str, tuple[Case, ...]] = {
    "gemm": _whole_die_and_one_block(*(_gemm(*sizes) for sizes in _GEMM_SIZES)),
    "gemm_w8a8_grouped": _whole_die_and_one_block(
        _grouped((256,) * 4, 2048, 4096), _grouped((100, 0, 700, 300), 4096, 2048)
    ),
    "quantize": _whole_die_and_one_block(
        _quantize(512, 4096), _quantize(4096, 7168), _quantize(2048, 1024)
    ),
    "attn": _LARGE_ATTENTION,
    "attn_kv8_msd": _LARGE_ATTENTION + _loaded_twice(_LARGE_ATTENTION[:4]),
}
"""Cycles within the bound, on one block and on the whole die; the longest name that fits counts."""

SMALL: dict[str, tuple[Case, ...]] = {
    "gemm": (
        _gemm(1, 4096, 4096, 1), _gemm(16, 4096, 4096, 24), _gemm(17, 96, 320, 3),
        _gemm(40, 64, 128, 8), _gemm(40, 64, 16384, 2), _gemm(256, 256, 256, 1),
        _gemm(300, 4096, 1088, 24), _gemm(130, 272, 576, 20), _gemm(600, 64, 128, 24),
        _gemm(257, 288, 8256, 5),
    ),
    "gemm_w8a8_grouped": (
        _grouped((0, 1, 0, 40), 96, 320, 3), _grouped((17,), 4096, 1088, 24),
        _grouped((5, 200, 3), 272, 576, 20, spare=9), _grouped((0, 0), 16, 64, 2, spare=3),
        _grouped((129, 64, 16), 288, 8256, 5),
    ),
    "quantize": (
        _quantize(1, 64, 1), _quantize(17, 320, 3), _quantize(300, 1088, 24),
        _quantize(5, 16448, 2), _quantize(130, 8256, 5), _quantize(3000, 64, 20),
    ),
    "attn": _SMALL_ATTENTION,
    "attn_kv8_msd": _SMALL_ATTENTION + _loaded_twice(_SMALL_ATTENTION),
}  # fmt: skip
"""Traffic equal to the byte."""


def of(table: Mapping[str, tuple[Case, ...]], kernel: str) -> tuple[Case, ...]:
    """The cases of a kernel: those of the longest name that it starts with."""
    return table[max((name for name in table if kernel.startswith(name)), key=len)]
