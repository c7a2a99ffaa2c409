"""Section 5: closed-form models beside the emulation: traffic equal, and how far cycles are off."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from npuemu import api, models
from npuemu.reproduce.measure import Target, time_kernel
from npuemu.reproduce.rows import Curve, Found, Plot, Row, Section, Step

SIZE = 4096
"""N and K of all shapes."""
LARGE = 256
"""From this M on a model's cycles must be within `ALLOWED` of the emulation's."""
ALLOWED = 0.10
PLOT = Plot(
    "models", f"Cycles of the models against the emulation, N = K = {SIZE}", "M",
    "model / emulation - 1, percent", log_x=True,
)  # fmt: skip


@dataclass(frozen=True)
class ModelErrors:
    """The section, over some M."""

    rows: tuple[int, ...]

    def section(self) -> Section:
        """One step a model and machine."""
        steps = tuple(
            Step(f"model of {kernel}, {machine}", partial(self.compare, kernel, machine))
            for kernel, model in models.MODELS.items()
            for machine in model.machines
        )
        remark = (
            f"Traffic must be equal to the byte, cycles within {ALLOWED:.0%} from M = {LARGE} on. "
            "Where a model leaves the emulation, latencies chain that it takes as overlapped."
        )
        return Section("Closed-form models", remark, steps, (PLOT,))

    def compare(self, kernel: str, machine: str) -> Found:
        """One model on one block and on the whole die."""
        rows, curves = [], []
        for blocks in (1, api.machine(machine).groups):
            target = Target(machine, blocks)
            off, equal = {}, True
            for m in self.rows:
                shape = {"M": m, "N": SIZE, "K": SIZE}
                run = time_kernel(kernel, target, shape)
                found = models.estimate(kernel, machine, blocks=blocks, inputs=None, **shape)
                off[m] = found.cycles / run.cycles - 1
                moved = {name: (t["read"], t["write"]) for name, t in run.tensors.items()}
                equal &= found.traffic == moved
            large = max((abs(e) for m, e in off.items() if m >= LARGE), default=0.0)
            ours = f"{min(off.values()):+.1%} .. {max(off.values()):+.1%}"
            where = "traffic equal" if equal else "TRAFFIC DIFFERS"
            where += "; cycles by M: " + ", ".join(f"{m}: {e:+.1%}" for m, e in off.items())
            sound = equal and large <= ALLOWED
            claim = f"model of {kernel} against the emulation, {target}"
            rows.append(Row(claim, "", ours, where, value=large, sound=sound))
            points = tuple((float(m), 100 * e) for m, e in off.items())
            curves.append(Curve(PLOT.key, f"{kernel.removeprefix('gemm_')} {target}", points))
        return Found(rows, curves)
