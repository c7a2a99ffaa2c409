"""Scalar code of random programs: arithmetic, loads and stores, loops and branches."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from npuemu.isa.table import Record
from tests.lockstep.emit import Emitter
from tests.lockstep.layout import INDEX_REGISTERS, OWN, Linear
from tests.lockstep.model import S
from tests.lockstep.operands import EDGES, Form, data_register
from tests.lockstep.regions import ISA, Span
from tests.lockstep.role import FREE_REGISTERS, Event, Role, Spans

SIZES = {n: ISA.enums["mtype"].bits[s] // 8 for s, n in ISA.enums["mtype"].values.items()}
WORD = 1 << 64
_BY_HAND = ("ld", "st", "halt", "set_mask_norm", "set_mask_count", "set_vector_mask")
_DIVIDES = "E106"
COMPARE: dict[str, Callable[[int, int], bool]] = {
    "beq": lambda a, b: a == b,
    "bne": lambda a, b: a != b,
    "blt": lambda a, b: a < b,
    "bge": lambda a, b: a >= b,
    "bgt": lambda a, b: a > b,
    "ble": lambda a, b: a <= b,
    "bltu": lambda a, b: a % WORD < b % WORD,
    "bgeu": lambda a, b: a % WORD >= b % WORD,
}
"""Of numbers as they are written: two's complement of 64 bits."""


def branches() -> list[Record]:
    """Conditional branches."""
    return [r for r in ISA.records if r.operands and r.operands[-1].kind == "label"
            and len(r.operands) > 1]  # fmt: skip


def arithmetic(kind: str) -> list[Record]:
    """Scalar instructions that only change a register."""
    return [
        r for r in ISA.records
        if r.pipe == "S" and r.runs_on(kind) and r.name not in _BY_HAND
        and not any(o.kind == "label" for o in r.operands)
    ]  # fmt: skip


@dataclass
class Scalar:
    """Scalar code of a program in the making."""

    rng: random.Random
    emitter: Emitter
    used: set[tuple[str, Form]] = field(default_factory=set)

    def _any(self) -> int:
        return self.rng.choice((self.rng.randrange(28), self.rng.choice((28, 30, 31))))

    def compute(self, role: Role) -> None:
        """One instruction that only changes a register."""
        rng = self.rng
        record = rng.choice(arithmetic(role.kind))
        texts, target = [], None
        for o in record.operands:
            if o.kind == "rd":
                target = role.pick()
                texts.append(f"r{target}")
            elif o.kind == "x" and rng.random() < 0.6:
                value = rng.choice((rng.randint(-70, 70), rng.choice(EDGES), rng.getrandbits(31)))
                value = max(-(1 << 31), min((1 << 31) - 1, value))
                texts.append(str(value or 1 if _DIVIDES in record.meaning else value))
            elif o.kind == "imm":
                texts.append(str(data_register(rng)))
            elif _DIVIDES in record.meaning and o is record.operands[-1]:
                texts.append(str(rng.choice((-1, 3, -7, (1 << 31) - 1, -(1 << 31)))))
            else:
                texts.append(f"r{self._any()}")
        role.emit(f"{record.name} {', '.join(texts)}")
        if target is not None:
            role.spoil(target)
        self.used.add((record.name, ()))

    def access(self, role: Role, store: bool) -> bool:
        """A load or a store of the scalar unit."""
        rng, emitter = self.rng, self.emitter
        record = ISA.by_name["st" if store else "ld"]
        operand = record.operand("type")
        assert operand.enum is not None
        symbol = rng.choice(operand.symbols())
        kind = operand.enum.values[symbol]
        space = rng.choice(("GM", "L1" if role.kind == "cube" else "UB"))
        if not store and not role.local:
            emitter.fill(role, space)
        draw = emitter.draws[role.kind]
        local = ISA.by_name["mov_gm_l1" if role.kind == "cube" else "mov_gm_ub"].operand("dst")
        for _ in range(30):
            at = draw.global_address(store) if space == "GM" else Linear(draw.local(local, True))
            at = replace(at, base=at.base // SIZES[kind] * SIZES[kind])
            bits = (1 << SIZES[kind]) - 1
            spans: Spans = {
                c: (Span(space, store, at.on(c, role.blocks), bits),) for c in role.active
            }
            if all(emitter._good(role, c, s[0]) for c, s in spans.items()):
                break
        else:
            return False
        role.busy = set()
        offset = rng.choice((0, 0, rng.randint(-64, 64) * 8))
        address = role.register(replace(at, base=at.base - offset))
        if not emitter.order.need(role, S, spans):
            return False
        data = self._any() if store else role.pick()
        text = f"{record.name}.{symbol} r{data}, {space}, r{address}"
        role.tell(emitter.model, Event("access", S, spans=(spans,)))
        role.emit(f"{text}, {offset}" if offset or rng.random() < 0.3 else text)
        self.used.add((record.name, (("type", kind),)))
        if not store:
            role.spoil(data)
            tensor = emitter.layout.inside(at.base, at.base + 1) if space == "GM" else None
            if tensor is not None and tensor.role == "in" and rng.random() < 0.4:
                self._skip(role, data)
        emitter.order.decorate(role, S)
        return True

    def _skip(self, role: Role, register: int) -> None:
        """Arithmetic that depends on data: a branch over it."""
        label, record = role.label(), self.rng.choice(branches())
        role.emit(f"{record.name} r{register}, {self.rng.choice((0, 1, -1, 127))}, {label}")
        self.used.add((record.name, ()))
        for _ in range(self.rng.randint(1, 3)):
            self.compute(role)
        role.lines.append(f"{label}:")

    # --- branches and loops around parts of a program

    def begin(self, role: Role) -> None:
        """A part starts that other cores have no share in."""
        self.emitter.order.drain(role)
        role.local = True

    def end(self, role: Role) -> None:
        """It ends; nothing is known of registers behind it."""
        role.local = False
        role.forget()

    def branch(self, role: Role, body: Callable[[Role], None]) -> None:
        """A part that no core runs, that all run, or that one core runs."""
        rng, model = self.rng, self.emitter.model
        record = rng.choice(branches())
        self.begin(role)
        label = role.label()
        role.busy = set()
        lone = rng.random() < 0.4 and len(role.cores) > 1
        active = role.active
        if lone:
            core = rng.choice(role.cores)
            own = Linear(0, 1, OWN).on(core, role.blocks)
            role.emit(f"bne r{INDEX_REGISTERS[OWN]}, {own}, {label}")
            role.active, skipped = (core,), False
            self.used.add(("bne", ()))
        else:
            a, b = rng.choice(EDGES), rng.choice((0, 1, -1, rng.randint(-99, 99)))
            a = b if rng.random() < 0.3 else a
            first = role.register(Linear(a))
            second = str(b) if rng.random() < 0.5 else f"r{role.register(Linear(b))}"
            role.emit(f"{record.name} r{first}, {second}, {label}")
            skipped = COMPARE[record.name](a, b)
            self.used.add((record.name, ()))
        saved = model.snapshot() if skipped else None
        body(role)
        self.emitter.order.drain(role)
        if saved is not None:
            model.__dict__.update(saved.__dict__)
        role.active = active
        role.lines.append(f"{label}:")
        self.end(role)

    def loop(self, role: Role, body: Callable[[Role], None]) -> None:
        """A part that runs some times; a barrier where its rounds are not ordered otherwise."""
        rng, order = self.rng, self.emitter.order
        self.begin(role)
        role.forget()
        rounds = rng.choice((1, 2, 2, 3))
        start = rng.randint(-5, 5)
        counter = role.pick()
        role.reserved.add(counter)
        role.emit(f"li r{counter}, {start}")
        label = role.label()
        role.head, role.rounds = len(role.lines), rounds
        role.lines.append(f"{label}:")
        role.recorded, reserved = [], set(role.reserved)
        role.kept = rng.sample([r for r in range(FREE_REGISTERS) if r not in reserved], 6)
        role.reserved |= set(role.kept)
        body(role)
        order.drain(role)
        if not self._again(role, rounds):
            order.barrier_all(role)
        events, role.recorded = role.recorded, None
        assert self._repeat(role, events, rounds), "a barrier orders the rounds of a loop"
        self._close(role, counter, label, start, rounds)
        role.reserved = reserved - {counter}
        role.rounds = 1
        self.end(role)

    def _close(self, role: Role, counter: int, label: str, start: int, rounds: int) -> None:
        """The end of a loop, in one of several forms."""
        rng, stop = self.rng, start + rounds
        step = f"add r{counter}, r{counter}, 1"
        if rng.random() < 0.2:  # the test in the middle, a jump back
            out = role.label()
            role.emit(step)
            role.emit(f"beq r{counter}, {stop}, {out}")
            role.emit(f"jmp {label}")
            role.lines.append(f"{out}:")
            self.used |= {("beq", ()), ("jmp", ())}
            return
        role.emit(step)
        form = rng.choice((f"bne r{counter}, {stop}", f"blt r{counter}, {stop}",
                           f"ble r{counter}, {stop - 1}"))  # fmt: skip
        role.emit(f"{form}, {label}")
        self.used.add((form.split()[0], ()))

    def _again(self, role: Role, rounds: int) -> bool:
        """Whether the recorded rounds follow each other in order; the model stays as it is."""
        model = self.emitter.model
        saved = model.snapshot()
        assert role.recorded is not None
        good = self._repeat(role, role.recorded, rounds)
        model.__dict__.update(saved.__dict__)
        return good

    def _repeat(self, role: Role, events: list[Event], rounds: int) -> bool:
        """Tell the model of the rounds behind the first."""
        model = self.emitter.model
        return all(
            event.tell(model, core, iteration, check=True)
            for iteration in range(1, rounds)
            for event in events
            for core in role.active
        )
