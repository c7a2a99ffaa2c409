"""Section 3: cycles of the GEMM kernels over M and on layers of a real model: who wins where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from npuemu import api
from npuemu.reproduce import claims
from npuemu.reproduce.rows import Curve, Found, Plot, Row, Section, Step
from npuemu.reproduce.timing import Runs, Timed

SIZE = 4096
SHOWN = (1, 16, 64, 256, 512)
"""M whose cycles stand in the table; the others are in the plots and the crossings."""


@dataclass(frozen=True)
class Family:
    """Kernels that multiply bf16 activations with the same stored weight, and their machines."""

    name: str
    kernels: tuple[str, ...]
    machines: tuple[str, ...]


FAMILIES = (
    Family(
        "INT8 weight",
        ("gemm_w8a16_dequant", "gemm_w8a16_lift", "gemm_w8a16_msd", "gemm_w8a8"),
        ("ascend910b1", "ascend950pr"),
    ),
    Family("MXFP4 weight", ("gemm_w4a16_lift", "gemm_w4a16_msd", "gemm_w4a8"), ("ascend950pr",)),
)
LAYERS = {
    "expert gate and up": (4096, 7168),
    "expert down": (7168, 2048),
    "MLA q_a": (1536, 7168),
    "MLA q_b": (24576, 1536),
    "MLA kv_a": (576, 7168),
    "MLA kv_b": (32768, 512),
    "MLA o": (7168, 16384),
}
"""Linear layers of DeepSeek-R1: N and K."""
_VECTOR_RATE = ("ascend950pr",)
"""Machines whose register vectors are not modelled: their results at twice the rate as well."""


def short(kernel: str) -> str:
    """``msd`` of ``gemm_w8a16_msd``."""
    return kernel.removeprefix("gemm_").removeprefix("w8a16_").removeprefix("w4a16_")


def count(cycles: int) -> str:
    """Cycles in few characters: ``251 k``, ``2.24 M``."""
    return f"{cycles / 1e6:.2f} M" if cycles >= 999_500 else f"{cycles / 1e3:.4g} k"


@dataclass(frozen=True)
class Cycles:
    """The section. rows: M of the curves; layer_rows: M of the real layers."""

    runs: Runs
    rows: tuple[int, ...]
    layer_rows: tuple[int, ...]

    def section(self) -> Section:
        """A step a machine, block count and family; the layers; the equal-time claim."""
        steps, plots = [], []
        for family in FAMILIES:
            for machine in family.machines:
                for blocks in (1, api.machine(machine).groups):
                    place = f"{machine}, {blocks} block{'s' if blocks > 1 else ''}"
                    title = f"{family.name}, N = K = {SIZE}, {place}"
                    plots.append(Plot(title, title, "M", "cycles", log_x=True, log_y=True))
                    run = partial(self.over_rows, family, machine, blocks, place, title)
                    steps.append(Step(f"cycles: {title}", run))
                title = f"layers: {family.name}, {machine}"
                steps.append(Step(title, partial(self.layers, family, machine)))
        steps.append(Step("equal time of the two MX forms", self.equal_time))
        names = "/".join(map(str, SHOWN))
        remark = (
            f"Timing mode; N = K = {SIZE} and M = {names} where nothing else is said. The bound is "
            "the pipe that works longest on one core, and its share of the run's cycles."
        )
        return Section("Cycles", remark, tuple(steps), tuple(plots))

    def _present(self, family: Family, machine: str) -> list[str]:
        return [k for k in family.kernels if machine in self.runs.machines(k)]

    def absent(self, family: Family, machine: str) -> list[Row]:
        """A row for each kernel that the machine has not."""
        return [
            Row(f"cycles, {machine}: {kernel}", "", "-", "no such kernel for this machine",
                missing=True)
            for kernel in family.kernels
            if machine not in self.runs.machines(kernel)
        ]  # fmt: skip

    def over_rows(self, family: Family, machine: str, blocks: int, place: str, plot: str) -> Found:
        """Every kernel of a family over M, and the crossings."""
        rows, curves = [], []
        for wide in (False, True) if machine in _VECTOR_RATE else (False,):
            found: dict[str, dict[int, Timed]] = {}
            more = ", twice the vector rate" if wide else ""
            for kernel in self._present(family, machine):
                runs = found[kernel] = {
                    m: self.runs.run(kernel, machine, blocks, m, SIZE, SIZE, wide=wide)
                    for m in self.rows
                }
                shown = {m: run for m, run in runs.items() if m in SHOWN}
                ours = " / ".join(count(run.cycles) for run in shown.values())
                bounds = ", ".join(f"{m}: {run.bound}" for m, run in shown.items())
                last = float(runs[self.rows[-1]].cycles)
                claim = f"cycles, {place}{more}: {kernel}"
                rows.append(Row(claim, "", ours, f"bound at M = {bounds}", value=last))
                points = tuple((float(m), float(run.cycles)) for m, run in runs.items())
                curves.append(Curve(plot, short(kernel) + more, points))
            rows += self._crossings(f"{place}{more}", found)
        return Found([*rows, *(self.absent(family, machine) if blocks == 1 else [])], curves)

    def _crossings(self, place: str, found: dict[str, dict[int, Timed]]) -> list[Row]:
        """Where the split takes fewer cycles than each rival."""
        split = next((k for k in found if k.endswith("_msd")), None)
        if split is None:
            return []
        rows = []
        for rival, theirs in found.items():
            if rival == split:
                continue
            gains = {m: run.cycles / found[split][m].cycles for m, run in theirs.items()}
            fewer = [m for m, gain in gains.items() if gain > 1]
            ours = f"at M = {ranges(fewer, self.rows)}" if fewer else "at no M"
            claim = f"{split} takes fewer cycles than {rival}, {place}"
            text = ", ".join(f"{m}: {gain:.2f}" for m, gain in gains.items())
            rows.append(Row(claim, "", ours, f"the rival's cycles over its at M = {text}"))
        return rows

    def layers(self, family: Family, machine: str) -> Found:
        """Layers of a real model on the whole die."""
        present = self._present(family, machine)
        if not present:
            return Found()
        blocks = api.machine(machine).groups
        rows = []
        for layer, (n, k) in LAYERS.items():
            for m in self.layer_rows:
                runs = {x: self.runs.run(x, machine, blocks, m, n, k) for x in present}
                order = sorted(runs, key=lambda x: runs[x].cycles)
                ours = ", ".join(f"{short(x)} {count(runs[x].cycles)}" for x in order)
                bounds = ", ".join(f"{short(x)} {runs[x].bound}" for x in order)
                where = f"N = {n}, K = {k}, {blocks} blocks; bound: {bounds}"
                claim = f"fewest cycles first, {machine}, {family.name}: {layer}, M = {m}"
                rows.append(Row(claim, "", ours, where, value=float(runs[order[0]].cycles)))
        return Found(rows)

    def equal_time(self) -> Found:
        """Two MXFP4 passes against one MXFP8 pass: busy cycles of the Cube at equal shapes."""
        claim = "Cube time of two MXFP4 passes over that of one MXFP8 pass"
        split, rival, machine = "gemm_w4a16_msd", "gemm_w4a8", "ascend950pr"
        missing = [k for k in (split, rival) if machine not in self.runs.machines(k)]
        if missing:
            where = f"{', '.join(missing)}: no such kernel for {machine}"
            return Found([Row(claim, claims.EQUAL_TIME.printed, "-", where, missing=True)])
        rows = []
        for m in self.rows:
            pair = [self.runs.run(k, machine, 1, m, SIZE, SIZE) for k in (split, rival)]
            ratio = pair[0].busy("aic", "M") / pair[1].busy("aic", "M")
            whole = pair[0].cycles / pair[1].cycles
            where = f"N = K = {SIZE}, {machine}, 1 block; all cycles: {whole:.3f}"
            rows.append(
                Row(f"{claim}, M = {m}", claims.EQUAL_TIME.printed, f"{ratio:.3f}", where,
                    claims.EQUAL_TIME.agrees(ratio), ratio)
            )  # fmt: skip
        return Found(rows)


def ranges(chosen: Sequence[int], all_of: Sequence[int]) -> str:
    """``1 .. 64, 512``: runs of neighbours in a list."""
    texts, run = [], []
    for value in [*all_of, None]:
        if value is not None and value in chosen:
            run.append(value)
        elif run:
            texts.append(f"{run[0]} .. {run[-1]}" if len(run) > 1 else f"{run[0]}")
            run = []
    return ", ".join(texts)
