"""All mutants of every bundled kernel at shapes that run every loop, and what became of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.mutation.judge import Judge, Judgement, Verdict
from tests.mutation.mutants import Mutant, order_mutants
from tests.mutation.places import Shape, place_mutants

Sizes = tuple[int, ...]
"""A value for each of the kind's dimensions, then the blocks."""
DIMENSIONS = {
    "gemm": ("M", "N", "K"),
    "quantize": ("M", "K"),
    "attn": ("H", "NQ", "G", "KV", "D", "CAUSAL"),
    "attn_kv8_msd": ("H", "NQ", "G", "KV", "D", "CAUSAL", "RESIDENT"),
}
"""Parameters of a shape, by the kernel's name or the first word of it."""

VECTOR_CAST: tuple[Sizes, ...] = (
    (40, 48, 1120, 1),  # chunks of one tile, the ring of W goes round; one panel
    (800, 48, 64, 1),  # L0C holds two tiles, four tiles of rows
    (272, 400, 160, 1),  # four panels, each stays for two tiles of rows
    (40, 528, 608, 1),  # three panels, ragged in every direction
    (272, 48, 2080, 1),  # several chunks a flag
    (272, 400, 544, 2),
)
RING: tuple[Sizes, ...] = (
    (20, 48, 2112, 1),  # one panel, the ring of W goes round
    (5, 400, 192, 1),  # four panels of a chunk
    (40, 528, 704, 2),  # wide panels, ragged in every direction
    (520, 272, 320, 1),  # two strips, the panel stays for both
    (800, 80, 1856, 1),  # two strips, each lifts the panel
)
MACHINES = ("ascend910b1", "ascend950pr")
ATTENTION: tuple[Sizes, ...] = (
    (2, 17, 2, 300, 64, 1, 1),  # causal, row tiles that see unlike numbers of keys
    (5, 1, 8, 700, 128, 0, 2),  # decoding, more items than groups
    (1, 200, 1, 130, 32, 0, 1),  # several row tiles, a ragged last tile of keys
    (1, 6, 4, 1500, 96, 0, 1),  # many tiles of keys: the rings go round
)
ROWS: tuple[Sizes, ...] = (
    (40, 1088, 1),  # several units a core
    (3, 192, 2),  # vector cores without rows
    (500, 128, 2),  # many short rows
    (9, 20032, 1),  # rows in pieces
)
FLAT: tuple[Sizes, ...] = (
    (3, 192, 2),  # vector cores without elements
    (500, 128, 2),  # two units a core at most, the last one short
    (70, 1088, 1),  # three units a core
)
W8A8: tuple[Sizes, ...] = (
    (5, 272, 160, 2),  # vector cores without rows to quantise, half tiles of few rows
    (300, 48, 96, 2),  # three row tiles, phases ahead of the tiles
    (140, 1296, 64, 1),  # twelve tiles: the ring of sums goes round
    (130, 336, 1056, 1),  # three panels, a narrow last tile
    (3, 16, 8224, 1),  # rows in two pieces
)
QUANTIZE: tuple[Sizes, ...] = (
    (300, 192, 1),  # units of many rows, the last one short
    (5, 32, 2),  # no folds
    (3, 16416, 1),  # rows in two or three pieces
)
CASES: dict[tuple[str, str], tuple[Sizes, ...]] = {
    ("gemm_bf16", "ascend910b1"): ((520, 16, 544, 1), (256, 528, 160, 2), (130, 48, 544, 1)),
    ("gemm_bf16", "ascend950pr"): ((520, 16, 544, 1), (256, 528, 160, 2)),
    ("gemm_mxfp4", "ascend950pr"): ((390, 16, 5440, 1), (256, 528, 640, 2)),
    ("gemm_w8a16_dequant", "ascend910b1"): VECTOR_CAST,
    ("gemm_w8a16_dequant", "ascend950pr"): RING,
    ("gemm_w8a16_lift", "ascend910b1"): VECTOR_CAST,
    ("gemm_w8a16_lift", "ascend950pr"): RING,
    ("gemm_w4a16_lift", "ascend950pr"): RING,
    ("gemm_w8a16_msd", "ascend910b1"): (
        (40, 16, 96, 2),  # one step of k; a group without columns
        (5, 272, 160, 2),  # vector cores without rows to split
        (70, 272, 544, 1),  # codes stay in L1 from tile to tile
        (130, 48, 1632, 2),  # weights stay in L1 from phase to phase
        (400, 272, 96, 1),  # tall tiles, one chunk
        (16, 1296, 32, 1),  # six tiles a phase: the ring in GM goes round
        (70, 272, 3616, 1),  # more codes than L1 keeps
        (70, 256, 2080, 1),  # more weights than L1 keeps
        (3, 16, 8224, 1),  # rows in two pieces
    ),
    ("gemm_w8a16_msd", "ascend950pr"): (
        (40, 16, 96, 2),  # one step of k; a group without columns
        (5, 272, 160, 2),  # vector cores without rows to split
        (193, 272, 320, 1),  # codes stay in L1; a vector core without rows of the last phase
        (130, 48, 1632, 2),  # weights stay in L1 from phase to phase
        (16, 1296, 32, 1),  # six tiles a phase: UB goes round
        (1, 4352, 32, 1),  # a vector core without rows, more tiles than a counter holds
        (70, 272, 3616, 1),  # more codes than L1 keeps
        (70, 256, 2080, 1),  # more weights than L1 keeps
        (3, 16, 4128, 1),  # rows in two pieces
    ),
    ("gemm_w4a16_msd", "ascend950pr"): (
        (130, 48, 192, 2),  # two phases, a group without tiles
        (40, 16, 4736, 1),  # three chunks of scales, ten panels
        (256, 528, 640, 2),  # several tiles a group, both halves
    ),
    ("gemm_w4a8", "ascend950pr"): (
        *RING,
        (5, 160, 3648, 1),  # the cube core waits for chunks: bursts of one,
        (40, 160, 3648, 1),  # of several,
        (60, 384, 7232, 1),  # and of a panel
    ),
    **{("gemm_w8a8", m): W8A8 for m in MACHINES},
    **{("gemm_w8a8_grouped", m): W8A8 for m in MACHINES},
    **{(f"quantize_{kind}", m): QUANTIZE for kind in ("int8", "int8_msd") for m in MACHINES},
    **{
        (f"quantize_{kind}", machine): shapes
        for kind in ("mxfp4", "mxfp4_msd", "mxfp8")
        for machine, shapes in zip(MACHINES, (FLAT, ROWS), strict=True)
    },
    **{
        (f"attn_{kind}", m): ATTENTION
        for kind in ("bf16", "kv8_dequant", "kv8_lift")
        for m in MACHINES
    },
    **{
        ("attn_kv8_msd", m): tuple((*s[:-1], r, s[-1]) for s in ATTENTION for r in (1, 0))
        for m in MACHINES
    },
}
RANK = (Verdict.SAME_ORDER, Verdict.NOT_NEEDED, Verdict.OTHER_RESULT, Verdict.UNREPORTED)
"""What weighs more among the verdicts of several shapes; a report at one shape ends the matter."""


@dataclass
class Outcome:
    """A mutant's verdict over all shapes, and the shape that it comes from."""

    mutant: Mutant
    judgement: Judgement
    shape: Shape


@dataclass
class Campaign:
    """The mutants of one kernel on one machine. ``groups``: only those classes, if given."""

    kernel: str
    machine: str
    groups: frozenset[str] | None = None
    outcomes: dict[tuple[object, ...], Outcome] = field(default_factory=dict)

    @property
    def shapes(self) -> list[Shape]:
        """Where the mutants are run, cheapest first."""
        names = DIMENSIONS.get(self.kernel) or DIMENSIONS[self.kernel.split("_")[0]]
        return [
            Shape(self.kernel, self.machine, sizes[-1], tuple(zip(names, sizes[:-1], strict=True)))
            for sizes in CASES[self.kernel, self.machine]
        ]

    def run(self, advance: Callable[[str], None] | None = None) -> list[Outcome]:
        """Judge every mutant, at one shape after the other until something is reported."""
        for shape in self.shapes:
            program = shape.load()
            judge = Judge(program)
            for mutant in [*order_mutants(program), *place_mutants(shape, program)]:
                if self.groups is None or mutant.group in self.groups:
                    self._judge(shape, judge, mutant)
            if advance is not None:
                left = sum(not o.judgement.codes for o in self.outcomes.values())
                advance(f"{self.kernel} {shape}: {left} of {len(self.outcomes)} not reported")
        return list(self.outcomes.values())

    def _judge(self, shape: Shape, judge: Judge, mutant: Mutant) -> None:
        known = self.outcomes.get(mutant.identity)
        if known is not None and known.judgement.verdict is Verdict.REPORTED:
            return
        found = Outcome(mutant, judge.judge(mutant), shape)
        if known is None or _weight(found) > _weight(known):
            self.outcomes[mutant.identity] = found


def _weight(outcome: Outcome) -> int:
    verdict = outcome.judgement.verdict
    return len(RANK) if verdict is Verdict.REPORTED else RANK.index(verdict)
