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
}
"""Parameters of a shape, by the first word of the kernel's name."""

VECTOR_CAST: tuple[Sizes, ...] = (
    (40, 48, 1120, 1),  # chunks of one tile, the ring of W goes round; one panel
    (800, 48, 64, 1),  # L0C holds two tiles, four tiles of rows
    (272, 400, 160, 1),  # four panels, each stays for two tiles of rows
    (40, 528, 608, 1),  # three panels, ragged in every direction
    (272, 48, 2080, 1),  # several chunks a flag
    (272, 400, 544, 2),
)
ATTENTION: tuple[Sizes, ...] = (
    (3, 50, 1, 300, 32, 1, 1),  # a core without keys in sight, several items of several steps
    (2, 101, 1, 600, 32, 0, 1),  # row tiles of two heights, long items
    (5, 1, 3, 20, 32, 0, 2),  # items of one step, a core of one row
)
CASES: dict[tuple[str, str], tuple[Sizes, ...]] = {
    ("gemm_bf16", "ascend910b1"): ((520, 16, 544, 1), (256, 528, 160, 2), (130, 48, 544, 1)),
    ("gemm_bf16", "ascend950pr"): ((520, 16, 544, 1), (256, 528, 160, 2)),
    ("gemm_mxfp4", "ascend950pr"): ((390, 16, 5440, 1), (256, 528, 640, 2)),
    ("gemm_w8a16_dequant", "ascend910b1"): VECTOR_CAST,
    ("gemm_w8a16_lift", "ascend910b1"): VECTOR_CAST,
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
    ("attn_bf16", "ascend910b1"): ATTENTION,
    ("attn_bf16", "ascend950pr"): ATTENTION,
    ("attn_kv8_dequant", "ascend910b1"): ATTENTION,
    ("attn_kv8_dequant", "ascend950pr"): ATTENTION,
    ("attn_kv8_lift", "ascend910b1"): ATTENTION,
    ("attn_kv8_lift", "ascend950pr"): ATTENTION,
    ("attn_kv8_msd", "ascend910b1"): ATTENTION,
    ("attn_kv8_msd", "ascend950pr"): ATTENTION,
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
        names = DIMENSIONS[self.kernel.split("_")[0]]
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
