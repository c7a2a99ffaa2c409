"""Cycles and who bounds them: GEMM kernels over M, layers of a real model, crossovers.

All figures are of launches in timing mode, whose cycles and traffic are those of a full run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from npuemu import api
from npuemu.machine import load as load_machine
from npuemu.reproduce.measure import Target, Timing, time_kernel
from npuemu.reproduce.rows import Curve, Found, Plot, Row, Section, Step

SQUARE = 4096
"""N = K of the layer whose M is varied."""
ROWS = (1, 16, 32, 64, 96, 128, 192, 256, 384, 512)
QUICK_ROWS = (1, 16, 96, 256)
MSD, RIVALS = "gemm_w8a16_msd", ("gemm_w8a16_dequant", "gemm_w8a16_lift")
MSD4, RIVALS4 = "gemm_w4a16_msd", ("gemm_w4a16_lift", "gemm_w4a8")


@dataclass(frozen=True)
class Layer:
    """A matrix product of a real model: [M, k] x [k, n]."""

    name: str
    n: int
    k: int


LAYERS = (
    Layer("expert gate and up", 4096, 7168),
    Layer("expert down", 7168, 2048),
    Layer("MLA q_a", 1536, 7168),
    Layer("MLA q_b", 24576, 1536),
    Layer("MLA kv_a", 576, 7168),
    Layer("MLA kv_b", 32768, 512),
    Layer("MLA o", 7168, 16384),
)
"""DeepSeek-R1: hidden 7168, expert width 2048, MLA ranks 1536 and 512, 128 heads of 128 + 64
(arXiv 2412.19437, the model's published configuration)."""
TOKENS = (16, 96, 480)
"""Rows of a layer: few, a die's decode batch, and an expert's share of a large one."""
QUICK_LAYERS, QUICK_TOKENS = LAYERS[:2], (96,)


def gemm_kernels(machine: str) -> list[str]:
    """Bundled GEMM kernels of a machine, those of groups of experts left out."""
    return [
        info.name
        for info in api.list_kernels()
        if info.name.startswith("gemm") and machine in info.machines and "grouped" not in info.name
    ]


def targets(quick: bool) -> list[Target]:
    """One block and the whole die of every machine; the 950 also at twice its vector rate."""
    found = []
    for machine in ("ascend910b1", "ascend950pr"):
        die = load_machine(machine).groups
        rates = (1, 2) if machine == "ascend950pr" else (1,)
        for rate in rates:
            counts = (die,) if quick and rate > 1 else (1, die)
            found += [Target(machine, blocks, rate) for blocks in counts]
    return found


@dataclass
class Sweep:
    """What has been timed so far on a target, by kernel and M."""

    target: Target
    rows: Sequence[int]
    found: dict[str, dict[int, Timing]] = field(default_factory=dict)

    def measure(self, kernel: str) -> Found:
        """Time a kernel at every M."""
        timings = {
            m: time_kernel(kernel, self.target, {"M": m, "N": SQUARE, "K": SQUARE})
            for m in self.rows
        }
        self.found[kernel] = timings
        points = tuple((float(m), float(t.cycles)) for m, t in timings.items())
        name = kernel.removeprefix("gemm_")
        return Found(
            [_row(t, f"M = {m}, N = K = {SQUARE}") for m, t in timings.items()],
            [Curve(plot_key(self.target), name, points)],
        )

    def crossovers(self) -> Found:
        """Where each Multi-Scale Dequant kernel takes fewer cycles than its rivals."""
        rows = []
        for ours, rivals in ((MSD, RIVALS), (MSD4, RIVALS4)):
            for rival in rivals:
                if ours in self.found and rival in self.found:
                    rows.append(self._crossover(ours, rival))
        return Found(rows)

    def _crossover(self, ours: str, rival: str) -> Row:
        wins = [m for m in self.rows if self._cycles(ours, m) < self._cycles(rival, m)]
        gains = {m: self._cycles(rival, m) / self._cycles(ours, m) for m in self.rows}
        best = max(gains, key=lambda m: gains[m])
        said = f"fewer cycles for {spans(wins, self.rows)}" if wins else "never fewer cycles"
        return Row(
            f"{_short(ours)} against {_short(rival)}",
            "MSD is faster" if rival == RIVALS[0] else "",
            f"{said}; at best x{gains[best]:.2f} (M = {best})",
            f"N = K = {SQUARE}, {self.target}",
            agrees=len(wins) == len(self.rows) if rival == RIVALS[0] else None,
            value=gains[best],
        )

    def _cycles(self, kernel: str, m: int) -> int:
        return self.found[kernel][m].cycles


def spans(chosen: Sequence[int], of: Sequence[int]) -> str:
    """``M = 1 .. 96, 256`` for the members of ``of`` that were chosen."""
    runs: list[list[int]] = []
    for before, m in zip((None, *of[:-1]), of, strict=True):
        if m in chosen:
            if runs and before == runs[-1][-1]:
                runs[-1].append(m)
            else:
                runs.append([m])
    parts = (str(r[0]) if len(r) == 1 else f"{r[0]} .. {r[-1]}" for r in runs)
    return "M = " + ", ".join(parts)


def _short(kernel: str) -> str:
    return kernel.removeprefix("gemm_")


def _row(timing: Timing, shape: str) -> Row:
    moved = (timing.gm_read + timing.gm_written) / 2**20
    return Row(
        f"{_short(timing.kernel)}, cycles",
        "",
        f"{timing.cycles:,} ({timing.where_cycles_went()}); {moved:.1f} MiB of GM",
        f"{shape}, {timing.target}",
        value=float(timing.cycles),
    )


def plot_key(target: Target) -> str:
    """Name of a target's plot."""
    return f"cycles-{target.machine}-{target.blocks}-{target.vector_rate}"


def sweep_section(quick: bool) -> Section:
    """Cycles over M on every target, and the crossovers."""
    steps, plots = [], []
    for target in targets(quick):
        sweep = Sweep(target, QUICK_ROWS if quick else ROWS)
        for kernel in gemm_kernels(target.machine):
            steps.append(Step(f"{kernel} on {target}", partial(sweep.measure, kernel)))
        steps.append(Step(f"crossovers on {target}", sweep.crossovers))
        title = f"Cycles over M, N = K = {SQUARE}, {target}"
        plots.append(Plot(plot_key(target), title, "M", "cycles", log_x=True, log_y=True))
    remark = (
        "The busiest pipe of each kind and what the first of them waited for. Vector figures of "
        "the 950 assume the 910's memory-to-memory vector instructions; its register vectors are "
        "not modelled, so they are shown at twice the rate as well."
    )
    return Section("GEMM cycles", remark, tuple(steps), tuple(plots))


def _time_layer(kernel: str, target: Target, layer: Layer, tokens: Sequence[int]) -> Found:
    rows = []
    for m in tokens:
        timing = time_kernel(kernel, target, {"M": m, "N": layer.n, "K": layer.k})
        rows.append(_row(timing, f"{layer.name} [{m}, {layer.k}] x [{layer.k}, {layer.n}]"))
    return Found(rows)


def layer_section(quick: bool) -> Section:
    """Cycles of a real model's layers on the whole die."""
    layers, tokens = (QUICK_LAYERS, QUICK_TOKENS) if quick else (LAYERS, TOKENS)
    steps = []
    for machine in ("ascend910b1", "ascend950pr"):
        target = Target(machine, load_machine(machine).groups)
        for layer in layers:
            for kernel in gemm_kernels(machine):
                run = partial(_time_layer, kernel, target, layer, tokens)
                steps.append(Step(f"{layer.name}: {kernel} on {target}", run))
    return Section("Layers of DeepSeek-R1", "Dense products, one layer a launch.", tuple(steps))
