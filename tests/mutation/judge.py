"""What becomes of a mutant: it is reported, it keeps the order, or it turns out to be harmless."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npuemu import api
from npuemu.asm.program import Program, Tensor
from npuemu.engine import state as st
from npuemu.engine.decode import Decoded, Decoder
from npuemu.isa.codec import decode
from npuemu.isa.table import Record
from npuemu.machine import Machine
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
    OTHER_RESULT = "other result"
    UNREPORTED = "unreported"


Word = tuple[list[int], Record, dict[str, Any]]
"""A row of the engine, what it decodes to."""


class Remembering(Decoder):
    """Decodes one program after another, and each word once."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.known: dict[str, dict[int, Word]] = {}

    def program(self, program: Program) -> Decoded:
        """A decoded program."""
        self.code, self.records, self.operands = [], [], []
        bases = {name: self._again(name, words) for name, words in program.code.items()}
        return self.finish(bases)

    def _again(self, section: str, words: tuple[int, ...]) -> tuple[int, int]:
        base, known = len(self.code), self.known.setdefault(section, {})
        for word in words:
            if word not in known:
                record, values = decode(self.isa, word)
                known[word] = self._row(word, record, values), record, values
        found = [known[word] for word in words]
        self.code += [row for row, _, _ in found]
        self.records += [record for _, record, _ in found]
        self.operands += [values for _, _, values in found]
        return base, len(words)


class Fast(Session):
    """A session that decodes with a decoder that remembers."""

    def __init__(self, program: Program, machine: Machine, decoder: Remembering) -> None:
        self.program, self.machine, self.progress = program, machine, None
        self.decoded = decoder.program(program)


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
        self.decoder = Remembering(self.machine)
        self.fresh = api._global_memory(program, True)
        api._fill(program, self.fresh, {}, seed, True)

    @cached_property
    def original(self) -> Outcome:
        """The kernel as it is; it has no findings."""
        found = self.run(self.session(self.program), Options())
        assert found.status == st.DONE, found.codes
        assert found.codes == (), f"the kernel itself: {found.codes}"
        return found

    def session(self, program: Program) -> Session:
        """A program, decoded."""
        return Fast(program, self.machine, self.decoder)

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

    def same_outputs(self, a: NDArray[np.uint8], b: NDArray[np.uint8]) -> bool:
        """Whether two memories hold the same outputs, bit by bit."""
        spans = [slice(t.address, t.address + t.nbytes) for t in self._outputs]
        return all(np.array_equal(a[span], b[span]) for span in spans)

    @property
    def _outputs(self) -> list[Tensor]:
        return [t for t in self.program.tensors if t.role == "out"]

    def judge(self, mutant: Mutant) -> Judgement:
        """Run a mutant; where nothing is reported, find out why."""
        session = self.session(mutant.build())
        found = self.run(session, Options(max_cycles=LONGER * self.original.cycles))
        if found.codes:
            return Judgement(Verdict.REPORTED, found.codes)
        same = self.same_outputs(found.gm, self.original.gm)
        if mutant.order and same and np.array_equal(found.order, self.original.order):
            return Judgement(Verdict.SAME_ORDER)
        for timing in range(1, TIMINGS + 1):
            other = self.run(session, Options(check=False, jitter=timing))
            if other.status != st.DONE:
                return Judgement(Verdict.UNREPORTED, note=f"{other.codes} in timing {timing}")
            if not self.same_outputs(other.gm, found.gm):
                return Judgement(Verdict.UNREPORTED, note=f"other outputs in timing {timing}")
        if same:
            return Judgement(Verdict.NOT_NEEDED)
        verdict = Verdict.UNREPORTED if mutant.order else Verdict.OTHER_RESULT
        return Judgement(verdict, note="other outputs, the same in every timing")
