"""Random programs that are legal by construction: ``generate(seed)``."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npuemu.asm.program import Program
from npuemu.isa.table import CORE_PIPES, PIPES
from npuemu.machine import Machine, names
from tests.lockstep import harness
from tests.lockstep import layout as places
from tests.lockstep.emit import DEPENDS_ON_DATA, Emitter, Limits
from tests.lockstep.layout import Layout
from tests.lockstep.model import GM, Illegal, Model
from tests.lockstep.operands import BITS, Draw, Form, cover
from tests.lockstep.order import HEAVY, MINIMAL, PLAIN, Order
from tests.lockstep.role import Role
from tests.lockstep.scalar import Scalar

WANTED = 2
"""Instructions that a program must have, in turn through all forms of the machine."""
RETRIES = 4
STORES = {"cube": ("fix_l0c_gm",), "vector": ("mov_ub_gm",)}


@dataclass(frozen=True)
class Case:
    """A program's text, its seed, and what it was made of."""

    seed: int
    text: str
    machine: str
    blocks: int
    layout: Layout
    used: frozenset[tuple[str, Form]]
    sync: frozenset[tuple[str, str]]

    def memory(self, program: Program) -> NDArray[np.uint8]:
        """GM at the launch: 0xFF, and bit patterns drawn from the seed in the inputs."""
        gm = np.full(program.gm_bytes + 64, 0xFF, np.uint8)
        gm = gm[-gm.ctypes.data % 64 :][: program.gm_bytes]
        rng = np.random.Generator(np.random.SFC64(self.seed))
        for tensor in program.tensors:
            if tensor.role == "in":
                assert self.layout.tensor(tensor.name).address == tensor.address
                part = gm[tensor.address : tensor.address + tensor.nbytes]
                part[:] = index_bytes(rng, tensor.nbytes) if tensor.name == "IDX" else (
                    patterns(rng, tensor.nbytes)
                )  # fmt: skip
        return gm


def index_bytes(rng: np.random.Generator, nbytes: int) -> NDArray[np.uint8]:
    """u32 offsets of whole words below the table's length."""
    words = rng.integers(0, places.INDEX_BYTES // 4, nbytes // 4, np.uint32) * np.uint32(4)
    return words.view(np.uint8)


def patterns(rng: np.random.Generator, nbytes: int) -> NDArray[np.uint8]:
    """Random bits; a good part of them special values, moderate floats and small integers."""
    words = rng.integers(0, 1 << 32, nbytes // 4, np.uint32)
    special = np.array(BITS, np.uint32)
    kind = rng.integers(0, 8, nbytes // 4)
    words = np.where(kind == 0, rng.choice(special, nbytes // 4), words)
    halves = rng.standard_normal(nbytes // 2).astype(np.float16).view(np.uint32)
    words = np.where(kind == 1, halves, words)
    floats = rng.standard_normal(nbytes // 4).astype(np.float32) * np.float32(8)
    words = np.where((kind == 2) | (kind == 3), floats.view(np.uint32), words)
    bfloats = floats.view(np.uint32) & np.uint32(0xFFFF0000)
    words = np.where(kind == 4, bfloats | bfloats >> np.uint32(16), words)
    scales = rng.integers(120, 136, nbytes, np.uint8).view(np.uint32)
    words = np.where(kind == 5, scales, words)
    return np.ascontiguousarray(words.astype(np.uint32)).view(np.uint8)


class Generator:
    """One program in the making."""

    def __init__(self, seed: int, machine: Machine, size: int) -> None:
        self.rng = rng = random.Random(f"lockstep {seed}")
        number, plan = seed // len(names), cover(machine)
        self.wanted = [plan[(number * WANTED + i) % len(plan)] for i in range(WANTED)]
        self.machine, self.size = machine, size
        self.blocks = rng.choice((1, 1, 1, 2, 3))
        kinds = {record.core for record, _ in self.wanted}
        kinds |= set(rng.choice((("cube", "vector"), ("cube",), ("vector",))))
        self.layout = places.draw(rng, machine, self.blocks, sorted(kinds))
        protected = frozenset(i for i, p in enumerate(PIPES) if machine.protected(p))
        self.model = Model(3 * self.blocks, protected)
        for tensor in self.layout.tensors:
            if tensor.role == "in":
                self.model.written[GM] |= ((1 << tensor.nbytes) - 1) << tensor.address
        self.roles = self._roles(sorted(kinds))
        density = rng.choice((MINIMAL, PLAIN, HEAVY))
        self.order = Order(rng, self.model, machine, self.roles, density)
        exchange = rng.choice((0.0, 0.1, 0.3))
        draws = {k: Draw(rng, self.layout, k, exchange) for k in CORE_PIPES}
        self.emitter = Emitter(rng, machine, self.layout, self.model, self.order, draws, Limits())
        self.scalar = Scalar(rng, self.emitter)

    def _roles(self, kinds: list[str]) -> list[Role]:
        """Which cores share code: one or two roles of each kind."""
        rng = self.rng
        roles = []
        for kind in kinds:
            cores = [c for c in range(3 * self.blocks) if (c % 3 == 0) == (kind == "cube")]
            shared = kind == "vector" and any(
                o.mem == "L1" for record, _ in self.wanted for o in record.operands
                if record.core == kind
            )  # fmt: skip
            if shared:  # both vector cores of a group would write it at once
                parts = [[c for c in cores if c % 3 == s] for s in (1, 2)]
            elif len(cores) > 1 and rng.random() < 0.4:
                first = rng.choice((
                    [c for c in cores if c % 3 == 1],
                    [c for c in cores if c < 3],
                    rng.sample(cores, rng.randint(1, len(cores) - 1)),
                ))  # fmt: skip
                rest = [c for c in cores if c not in first]
                parts = [p for p in (first, rest) if p]
            else:
                parts = [cores]
            roles += [
                Role(f"{kind}{i}", kind, tuple(p), self.blocks, rng) for i, p in enumerate(parts)
            ]
        return roles

    def body(self, role: Role) -> None:
        """What stands in a loop or a branch."""
        for _ in range(self.rng.randint(1, 3)):
            self.simple(role)

    def simple(self, role: Role) -> None:
        """One instruction, with what it needs."""
        kind = self.rng.random()
        if kind < 0.7:
            self.emitter.data(role)
        elif kind < 0.82:
            for _ in range(self.rng.randint(1, 3)):
                self.scalar.compute(role)
        elif kind < 0.91:
            self.scalar.access(role, store=False)
        else:
            self.scalar.access(role, store=True)

    def step(self, role: Role) -> None:
        """One part of a program."""
        kind = self.rng.random()
        if kind < 0.72:
            self.simple(role)
        elif kind < 0.79:
            self.scalar.branch(role, self.body)
        elif kind < 0.86:
            self.scalar.loop(role, self.body)
        elif kind < 0.97 or role.kind == "cube":
            self.exchange(self.rng.choice(self.roles), role)
        else:
            self.emitter.gather(role)

    def hand_over(self, source: Role, length: int, at: int) -> None:
        """A role stores ``length`` bytes at ``at``, in every core's slice."""
        emitter, dst = self.emitter, places.Linear(at, places.SLICE)
        if source.kind == "vector":
            emitter.fill(source, "UB")
            emitter.given(source, "mov_ub_gm", dst=dst, src=self.layout.windows["UB"][0] + 512,
                          len=length)  # fmt: skip
        else:
            emitter.fill(source, "L0C")
            emitter.given(source, "fix_l0c_gm", conv=1, dst=dst, m=length // 32, n=16,
                          src=self.layout.windows["L0C"][0], src_stride=1,
                          dst_stride=32)  # fmt: skip

    def exchange(self, source: Role, target: Role) -> None:
        """Cores of a kind store, and others read what they stored."""
        rng = self.rng
        tensor = rng.choice([t for t in self.layout.sliced(source.kind) if t.role == "scratch"])
        length, offset = 32 * rng.randint(1, 16), 32 * rng.randrange(32)
        for role in self.roles:
            if role.kind == source.kind:
                self.hand_over(role, length, tensor.address + offset)
        at = self.emitter.draws[target.kind].part(source.kind, tensor, offset)
        mem = "UB" if target.kind == "vector" else "L1"
        start, size = self.layout.windows[mem]
        dst = start + 32 * rng.randrange((size - length) // 32)
        self.emitter.given(target, f"mov_gm_{mem.lower()}", dst=dst, src=at, len=length)

    def run(self) -> None:
        """All parts, and results into the output tensors."""
        for record, form in self.wanted:
            role = self.rng.choice([r for r in self.roles if r.kind == record.core])
            self.rng.choice((self.step, self.simple))(role)
            for _ in range(RETRIES):
                if DEPENDS_ON_DATA in record.meaning:
                    placed = self.emitter.gather(role, form)
                else:
                    placed = self.emitter.data(role, record, form)
                if placed:
                    break
        for _ in range((self.size - 1) * len(self.roles)):
            self.step(self.rng.choice(self.roles))
        for role in self.roles:
            for name in STORES[role.kind]:
                for record in [r for r in self.emitter.records(role.kind) if r.name == name]:
                    self.emitter.data(role, record)
            self.order.drain(role)
        if not self.model.finished():
            raise Illegal("a flag is left over")

    def text(self, seed: int) -> str:
        """The program."""
        lines = [f".kernel random_{seed}", f".machines {self.machine.name}",
                 f".blocks {self.blocks}"]  # fmt: skip
        lines += [t.line for t in self.layout.tensors]
        for kind in ("cube", "vector"):
            roles = [r for r in self.roles if r.kind == kind]
            if not roles:
                continue
            lines.append(f".section {kind}")
            code = [line for r in roles for line in r.lines]
            used = [places.NEXT] if any("r29" in line for line in code) else []
            lines += [f"    {line}" for line in places.prologue(kind, used)]
            for role in roles[1:]:
                own = [places.index_of(c, self.blocks, places.OWN) for c in role.cores]
                lines += [f"    beq r31, {n}, {role.name}" for n in own]
            for role in roles:
                lines += [f"{role.name}:", *role.lines, "    halt"]
        return "\n".join(lines) + "\n"


def generate(seed: int, machine: str | None = None, size: int = 6) -> Case:
    """The program of a seed: the same text and inputs wherever it is made."""
    name = machine or names[seed % len(names)]
    made = Generator(seed, harness.machine(name), size)
    made.run()
    used = made.emitter.used | made.scalar.used
    return Case(seed, made.text(seed), name, made.blocks, made.layout, frozenset(used),
                frozenset(made.order.used))  # fmt: skip
