"""Section 5: closed-form models beside the emulation: traffic equal, and how far cycles are off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from npuemu import api, models
from npuemu.reproduce.measure import Target, time_kernel
from npuemu.reproduce.rows import Curve, Found, Plot, Row, Section, Step

SIZE = 4096
"""N and K of all products, K of the quantisers."""
ALLOWED = 0.10
"""A model's cycles of a large shape are this near the emulation's."""
PLOT = Plot(
    "models", f"Cycles of the models against the emulation, N = K = {SIZE}",
    "M (attention: keys / 16)", "model / emulation - 1, percent", log_x=True,
)  # fmt: skip


@dataclass(frozen=True)
class Sweep:
    """Shapes of one kind of kernel. axis: the parameter that is varied, by ``step`` a point;
    large: from this value on cycles must be within `ALLOWED`; steering: inputs that steer the
    kernel, each with its length and the share of the axis that every entry has.
    """

    fixed: Mapping[str, int]
    axis: str = "M"
    step: int = 1
    large: int = 256
    steering: tuple[str, int, float] | None = None

    def shape(self, point: int) -> dict[str, int]:
        """Parameters at a point."""
        return {**self.fixed, self.axis: point * self.step}

    def inputs(self, point: int) -> dict[str, tuple[int, ...]]:
        """Steering inputs at a point."""
        if self.steering is None:
            return {}
        name, count, share = self.steering
        return {name: (int(point * self.step * share),) * count}


SWEEPS = {
    "gemm": Sweep({"N": SIZE, "K": SIZE}),
    "gemm_w8a8_grouped": Sweep(
        {"N": SIZE, "K": SIZE, "G": 4}, steering=("group_sizes", 4, 0.25), large=1024
    ),
    "quantize": Sweep({"K": SIZE}),
    "attn": Sweep(
        {"H": 32, "NQ": 1, "G": 8, "D": 128}, "KV", 16, 4096, ("kv_len", 32, 1.0)
    ),
}  # fmt: skip
"""By what a kernel's name starts with; the longest counts."""


def sweep_of(kernel: str) -> Sweep:
    """The shapes that a kernel's model is compared on."""
    return SWEEPS[max((name for name in SWEEPS if kernel.startswith(name)), key=len)]


@dataclass(frozen=True)
class ModelErrors:
    """The section, over some points."""

    points: tuple[int, ...]

    def section(self) -> Section:
        """One step a model and machine."""
        steps = tuple(
            Step(f"model of {kernel.name}, {machine}", partial(self.compare, kernel.name, machine))
            for kernel in api.list_kernels()
            for machine in kernel.machines
        )
        remark = (
            f"Traffic must be equal to the byte. Cycles of large shapes must be within "
            f"{ALLOWED:.0%}: products and quantisers from M = 256 on (grouped: 1024), attention "
            "(decoding 32 caches, 8 rows of queries each, D = 128) from 4096 keys on. Where a "
            "model leaves the emulation, latencies chain that it takes as overlapped."
        )
        return Section("Closed-form models", remark, steps, (PLOT,))

    def compare(self, kernel: str, machine: str) -> Found:
        """One model on one block and on the whole die."""
        sweep = sweep_of(kernel)
        rows, curves = [], []
        for blocks in (1, api.machine(machine).groups):
            target = Target(machine, blocks)
            off, equal = {}, True
            for point in self.points:
                shape, inputs = sweep.shape(point), sweep.inputs(point)
                run = time_kernel(kernel, target, shape, inputs)
                found = models.estimate(kernel, machine, blocks=blocks, inputs=inputs, **shape)
                off[point] = found.cycles / run.cycles - 1
                moved = {name: (t["read"], t["write"]) for name, t in run.tensors.items()}
                equal &= found.traffic == moved
            named = {point * sweep.step: error for point, error in off.items()}
            large = max((abs(e) for value, e in named.items() if value >= sweep.large), default=0.0)
            ours = f"{min(off.values()):+.1%} .. {max(off.values()):+.1%}"
            where = "traffic equal" if equal else "TRAFFIC DIFFERS"
            where += f"; cycles by {sweep.axis}: "
            where += ", ".join(f"{value}: {e:+.1%}" for value, e in named.items())
            sound = equal and large <= ALLOWED
            claim = f"model of {kernel} against the emulation, {target}"
            rows.append(Row(claim, "", ours, where, value=large, sound=sound))
            points = tuple((float(point), 100 * e) for point, e in off.items())
            curves.append(Curve(PLOT.key, f"{kernel.removeprefix('gemm_')} {target}", points))
        return Found(rows, curves)
