"""Places random data instructions: operands, registers, mask, what orders them, the line."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from npuemu.isa.table import PIPES, Operand, Record
from npuemu.machine import Machine
from tests.lockstep.layout import Layout, Linear
from tests.lockstep.model import Model, Place
from tests.lockstep.operands import Chosen, Draw, Form, draw_mask, forms
from tests.lockstep.order import Order
from tests.lockstep.regions import ISA, Mask, Refused, Span, Touch, touch
from tests.lockstep.role import Event, Role, Spans

DRAWS = 60
MOST_BYTES, MOST_WORK, MOST_ELEMENTS = 16384, 1500, 400
GATHER_TABLE = 1024
DEPENDS_ON_DATA = "E117"
"""Records whose meaning names this error check what they read; they are placed by hand."""
UNORDERED = ("fix",)
"""Tables whose meanings name no order of the elements: no two of them go to one byte."""


@dataclass
class Limits:
    """How large an instruction may be, so that slow interpreters keep up."""

    touched: int = MOST_BYTES
    macs: int = MOST_WORK
    elements: int = MOST_ELEMENTS

    def hold(self, found: Touch) -> bool:
        """Whether an instruction is small enough."""
        total = sum(s.bits.bit_count() for s in found.spans)
        return total <= self.touched and found.macs <= self.macs and (
            found.elements <= self.elements
        )  # fmt: skip


def joined(rounds: tuple[Spans, ...], cores: tuple[int, ...]) -> Spans:
    """What all rounds of a loop touch, by core."""
    return {core: sum((spans[core] for spans in rounds), ()) for core in cores}


def ahead(rounds: tuple[Spans, ...]) -> Spans:
    """The first round as the model sees it: what later rounds touch must be ordered already."""
    found = dict(rounds[0])
    for spans in rounds[1:]:
        for core, more in spans.items():
            found[core] += tuple(replace(s, holes=True) for s in more)
    return found


@dataclass
class Emitter:
    """Data instructions of a program in the making."""

    rng: random.Random
    machine: Machine
    layout: Layout
    model: Model
    order: Order
    draws: dict[str, Draw]
    limits: Limits = field(default_factory=Limits)
    used: set[tuple[str, Form]] = field(default_factory=set)
    known: dict[str, list[Record]] = field(default_factory=dict)
    filled: set[Place] = field(default_factory=set)

    def records(self, kind: str) -> list[Record]:
        """Data instructions of a core kind that the machine has."""
        if kind not in self.known:
            self.known[kind] = [
                r for r in ISA.records
                if r.is_data and r.runs_on(kind) and forms(self.machine, r)
                and DEPENDS_ON_DATA not in r.meaning
            ]  # fmt: skip
        return self.known[kind]

    # --- is it legal

    def _writable(self, role: Role, core: int, span: Span) -> bool:
        if span.mem != "GM":
            return self.layout.legal(span.mem, span.first, span.stop)
        tensor = self.layout.inside(span.first, span.stop)
        return tensor is not None and tensor.kind == role.kind

    def _good(self, role: Role, core: int, span: Span) -> bool:
        """Writes stay in what this core may write, reads in what has been written."""
        if span.write:
            return self._writable(role, core, span)
        if span.mem == "GM":
            tensor = self.layout.inside(span.first, span.stop)
            if tensor is None or tensor.role == "in":
                return tensor is not None
        return self.model.has(core, span)

    def touched(
        self,
        role: Role,
        record: Record,
        chosen: dict[str, Chosen],
        mask: Mask,
        limits: Limits | None = None,
    ) -> Spans | None:
        """What an instruction touches on every core; None if it is not legal on one of them."""
        nz = self.machine.file.layout.l0a == "NZ"
        found: Spans = {}
        last: tuple[tuple[int, ...], Touch] | None = None
        for core in role.active:
            values = {n: c.value.on(core, role.blocks) for n, c in chosen.items()}
            key = tuple(values.values())
            if last is None or last[0] != key:
                try:
                    last = key, touch(record, values, mask, nz)
                except Refused:
                    return None
                if not (limits or self.limits).hold(last[1]):
                    return None
            spans = last[1].spans
            if not all(self._good(role, core, s) for s in spans):
                return None
            if record.table in UNORDERED and self._piles_up(spans):
                return None
            found[core] = spans
        return None if len(found) > 1 and self._collide(found) else found

    def _collide(self, found: Spans) -> bool:
        """Whether cores of a role, all at this instruction, write the same memory's bytes."""
        seen: list[tuple[Place, Span]] = []
        for core, spans in found.items():
            own = [(self.model.place(core, s.mem), s) for s in spans]
            for place, span in own:
                for other, old in seen:
                    if (
                        place == other
                        and (span.write or old.write)
                        and (span.first < old.stop and old.first < span.stop)
                    ):
                        return True
            seen += own
        return False

    @staticmethod
    def _piles_up(spans: tuple[Span, ...]) -> bool:
        """Whether some byte is written twice."""
        writes = [s for s in spans if s.write]
        return any(s.folded for s in writes) or any(
            a.mem == b.mem and a.first < b.stop and b.first < a.stop
            for i, a in enumerate(writes) for b in writes[:i]
        )  # fmt: skip

    # --- the line

    def _text(self, role: Role, operand: Operand, chosen: Chosen) -> str:
        if operand.enum is not None:
            return str(operand.enum.symbol(chosen.value.base))
        if chosen.held is not None:
            return f"r{chosen.held}"
        if chosen.raw:
            return f"r{self.rng.randrange(32)}"
        if operand.kind == "reg" or chosen.register or chosen.value.stride:
            return f"r{role.register(chosen.value)}"
        return str(chosen.value.base)

    def line(self, role: Role, record: Record, chosen: dict[str, Chosen]) -> str:
        """The instruction as text; emits the lines that load its registers."""
        name, operands, named = record.name, [], False
        for operand in record.operands:
            choice = chosen[operand.name]
            if operand.enum is not None and operand.enum.suffix:
                name += f".{operand.enum.symbol(choice.value.base)}"
                continue
            plain = operand.kind != "reg" and not choice.register and not choice.value.stride
            if plain and operand.default == choice.value.base and self.rng.random() < 0.7:
                named = True
                continue
            text = self._text(role, operand, choice)
            named = named or (operand.default is not None and self.rng.random() < 0.5)
            operands.append(f"{operand.name}={text}" if named else text)
        return f"{name} {', '.join(operands)}" if operands else name

    def set_mask(self, role: Role, mask: Mask) -> None:
        """Lines that bring the mask about."""
        old, rng = role.mask, self.rng
        if old == mask:
            return
        if old is None or old.counter != mask.counter or rng.random() < 0.1:
            role.emit("set_mask_count" if mask.counter else "set_mask_norm")
        if old is None or (old.low, old.high) != (mask.low, mask.high):
            halves = []
            for half in (mask.high, mask.low):
                word = half - (1 << 64) if half >> 63 else half
                plain = -(1 << 31) <= word < 1 << 31 and rng.random() < 0.7
                halves.append(str(word) if plain else f"r{role.register(Linear(word))}")
            role.emit(f"set_vector_mask {halves[0]}, {halves[1]}")
        role.mask = mask

    def place(
        self,
        role: Role,
        record: Record,
        chosen: dict[str, Chosen],
        mask: Mask,
        spans: tuple[Spans, ...],
    ) -> bool:
        """Put an instruction in that is legal: what orders it first. False: nothing can."""
        role.busy = set()
        if record.pipe == "V":
            self.set_mask(role, mask)
        pipe = PIPES.index(record.pipe)
        chosen = {
            n: replace(c, held=role.load_ahead(c.value)) if c.step else c for n, c in chosen.items()
        }
        text = self.line(role, record, chosen)
        if not self.order.need(role, pipe, joined(spans, role.active)):
            return False
        role.tell(self.model, Event("access", pipe, spans=(ahead(spans), *spans[1:])))
        role.emit(text)
        for choice in chosen.values():
            if choice.held is not None:
                role.emit(f"add r{choice.held}, r{choice.held}, {choice.step}")
        self.used.add(
            (record.name, tuple((o.name, chosen[o.name].value.base) for o in record.suffixes))
        )
        self.order.decorate(role, pipe)
        return True

    # --- what to place

    def data(self, role: Role, record: Record | None = None, form: Form | None = None) -> bool:
        """A random data instruction; False if no draw was legal."""
        rng = self.rng
        if record is None:
            record = rng.choice(self.records(role.kind))
        if form is None:
            form = rng.choice(forms(self.machine, record))
        self.fill_for(role, record)
        draw, nothing = self.draws[role.kind], rng.random() < 0.06
        for effort in range(DRAWS):
            chosen = draw.operands(record, form, effort)
            numbers = {n: c.value.base for n, c in chosen.items()}
            mask = role.mask if role.mask is not None and rng.random() < 0.5 else None
            if record.pipe == "V" and (mask is None or effort > 5):
                mask = draw_mask(rng, record, numbers)
            if role.rounds > 1:
                self.stepped(role, record, chosen)
            rounds = [
                self.touched(
                    role, record, {n: c.after(i) for n, c in chosen.items()}, mask or Mask()
                )
                for i in range(role.rounds)
            ]
            spans = tuple(s for s in rounds if s is not None)
            if len(spans) < role.rounds or not (nothing or any(spans[0].values())):
                continue
            if role.rounds == 1 or not self._collide(joined(spans, role.active)):
                return self.place(role, record, chosen, mask or Mask(), spans)
        return False

    def stepped(self, role: Role, record: Record, chosen: dict[str, Chosen]) -> None:
        """Let some addresses of an instruction in a loop move on from round to round."""
        left = len(role.kept)
        for operand in record.operands:
            choice = chosen[operand.name]
            if operand.mem is not None and left and self.rng.random() < 0.3:
                left -= 1
                step = self.rng.choice((1, 2, 8, -1)) * max(operand.align, 32)
                chosen[operand.name] = replace(choice, step=step)

    def given(self, role: Role, name: str, **operands: int | Linear) -> bool:
        """An instruction with these operands; the others take their defaults."""
        record = ISA.by_name[name]
        chosen = {}
        for o in record.operands:
            value = operands.get(o.name, o.default or 0)
            linear = value if isinstance(value, Linear) else Linear(value)
            chosen[o.name] = Chosen(linear, register=o.kind == "reg")
        spans = self.touched(role, record, chosen, Mask(), Limits(1 << 20, 1 << 20))
        return spans is not None and self.place(role, record, chosen, Mask(), (spans,))

    # --- memories that instructions read

    def fill_for(self, role: Role, record: Record) -> None:
        """Give every memory that a record reads some contents first."""
        if role.local:
            return
        for mem in dict.fromkeys(o.mem for o in record.operands if o.mem is not None):
            if any(f"({mem}," in text or f"{mem.lower()}_" in text for text in record.reads):
                self.fill(role, mem)
        if record.name == "mmad" or any("a_tile" in text for text in record.reads):
            for mem in ("L0A", "L0A_MX", "L0B_MX", "L0C", "BT"):
                self.fill(role, mem)
        if any("(FB," in text for text in record.reads):
            self.fill(role, "FB")

    def empty(self, role: Role, mem: str) -> bool:
        """Whether some core has not filled its window of a memory yet."""
        return any(self.model.place(c, mem) not in self.filled for c in role.active)

    def fill(self, role: Role, mem: str) -> None:
        """Load a window of a memory, from what it is loaded from."""
        if mem == "GM" or not self.machine.capacity.get(mem) or not self.empty(role, mem):
            return
        self.filled |= {self.model.place(c, mem) for c in role.active}
        start, size = self.layout.windows[mem]
        source = Linear(self.rng.choice(self.layout.inputs()).address)
        if mem in ("L1", "UB"):
            name = f"mov_gm_{mem.lower()}"
            half = size // 8
            self.given(role, name, dst=start, src=source, n_burst=8, len=half, dst_stride=half,
                       src_stride=256)  # fmt: skip
            return
        self.fill(role, "L1")
        l1 = self.layout.windows["L1"][0]
        if mem in ("L0A", "L0B"):
            step = "m_step" if mem == "L0A" else "n_step"
            self.given(role, f"load_l1_{mem.lower()}", type=2, dst=start, src=l1, k_step=4,
                       src_stride=4, **{step: 4})  # fmt: skip
        elif mem in ("L0A_MX", "L0B_MX"):
            step = "m_step" if mem == "L0A_MX" else "n_step"
            self.given(role, f"load_l1_{mem.lower()}", dst=start, src=l1, k_step=4,
                       src_stride=8, **{step: 4})  # fmt: skip
        elif mem in ("BT", "FB"):
            self.given(role, f"mov_l1_{mem.lower()}", dst=start, src=l1 + 512, len=size)
        elif mem == "L0C":
            self.fill(role, "L0A")
            self.fill(role, "L0B")
            a, b = self.layout.windows["L0A"][0], self.layout.windows["L0B"][0]
            self.given(role, "mmad", dst=start, a=a, b=b, m=16, n=32, k=1,
                       type=self.rng.choice((0, 1, 2)))  # fmt: skip

    def gather(self, role: Role, form: Form | None = None) -> bool:
        """Offsets from the tensor IDX, then an instruction that reads by them."""
        record = self.rng.choice([r for r in ISA.records if DEPENDS_ON_DATA in r.meaning])
        if form is None:
            form = self.rng.choice(forms(self.machine, record))
        if role.local:
            return False
        self.fill(role, "UB")
        index = self.layout.tensor("IDX")
        draw = self.draws[role.kind]
        offsets = record.operand("offsets")
        for effort in range(DRAWS):
            chosen = draw.operands(record, form, effort)
            at = draw.local(offsets, True)
            span = self.rng.choice((GATHER_TABLE, GATHER_TABLE + self.rng.randrange(64)))
            chosen["offsets"] = Chosen(Linear(at), register=True)
            chosen["span"] = Chosen(Linear(span), register=self.rng.random() < 0.3)
            mask = draw_mask(self.rng, record, {n: c.value.base for n, c in chosen.items()})
            spans = self.touched(role, record, chosen, mask)
            if spans is None or any(
                s.first == at and s.bits.bit_length() > index.nbytes for s in spans[role.active[0]]
            ):
                continue
            if not self.given(role, "mov_gm_ub", dst=at, src=index.address, len=index.nbytes):
                return False
            return self.place(role, record, chosen, mask, (spans,))
        return False
