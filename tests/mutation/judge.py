"""What becomes of a mutant: it is reported, it keeps the order, or it turns out to be harmless."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from npuemu import api
from npuemu.asm.program import Program
from npuemu.engine import state as st
from npuemu.observe import areas as ar
from npuemu.runner import Options, Session
from npuemu.shuffle import aligned_copy
from tests.mutation.mutants import Mutant

TIMINGS = 20
LONGER = 50
"""A mutant may take that many times the cycles of the kernel."""


class Verdict(Enum):
    """What a mutant turned out to be."""

    REPORTED = "reported"
    SAME_ORDER = "same order"
    NOT_NEEDED = "not needed"
    UNREPORTED = "unreported"


@dataclass(frozen=True)
class Judgement:
    """``codes``: of the diagnostics; ``note``: what was unlike the kernel and not reported."""

    verdict: Verdict
    codes: tuple[str, ...] = ()
    note: str = ""


@dataclass
class Outcome:
    """One run: its status and diagnostics, its memory, what every pipe knew at every access."""

    status: int
    codes: tuple[str, ...]
    gm: NDArray[np.uint8]
    order: NDArray[np.int64]
    cycles: int


class Judge:
    """Compares mutants with the program that they are made from, on the same inputs."""

    def __init__(self, program: Program, seed: int = 0) -> None:
        self.program = program
        self.machine = api.machine(program.machine)
        self.fresh = api._global_memory(program, True)
        api._fill(program, self.fresh, {}, seed, True)

    @cached_property
    def original(self) -> Outcome:
        """The kernel as it is; it has no findings."""
        found = self.run(Session(self.program, self.machine), Options())
        assert found.status == st.DONE, found.codes
        assert found.codes == (), f"the kernel itself: {found.codes}"
        return found

    def run(self, session: Session, options: Options) -> Outcome:
        """One run of a program with all checks."""
        gm = aligned_copy(self.fresh)
        launch = session.launch(gm, options, observe=options.check)
        if launch.watch is not None:
            launch.watch.header[ar.H_DIGEST] = 1
        status = launch.run()
        codes = {d.kind.code for d in session.diagnose(launch, status)}
        order = np.zeros(0, np.int64)
        if launch.watch is not None:
            order = launch.watch.clocks[:, ar.V_DIGEST].copy()
        cycles = int(launch.state.pipe[:, st.P_END].max())
        return Outcome(status, tuple(sorted(codes)), gm, order, cycles)

    def same_outputs(self, gm: NDArray[np.uint8]) -> bool:
        """Whether all outputs are those of the kernel, bit by bit."""
        return all(
            np.array_equal(
                gm[t.address : t.address + t.nbytes],
                self.original.gm[t.address : t.address + t.nbytes],
            )
            for t in self.program.tensors
            if t.role == "out"
        )

    def judge(self, mutant: Mutant) -> Judgement:
        """Run a mutant; where nothing is reported, find out why."""
        session = Session(mutant.build(), self.machine)
        found = self.run(session, Options(max_cycles=LONGER * self.original.cycles))
        if found.codes:
            return Judgement(Verdict.REPORTED, found.codes)
        if not self.same_outputs(found.gm):
            return Judgement(Verdict.UNREPORTED, note="other outputs")
        if mutant.order and np.array_equal(found.order, self.original.order):
            return Judgement(Verdict.SAME_ORDER)
        for timing in range(1, TIMINGS + 1):
            other = self.run(session, Options(check=False, jitter=timing))
            if other.status != st.DONE:
                return Judgement(Verdict.UNREPORTED, note=f"timing {timing}: {other.codes}")
            if not self.same_outputs(other.gm):
                return Judgement(Verdict.UNREPORTED, note=f"other outputs in timing {timing}")
        return Judgement(Verdict.NOT_NEEDED)
