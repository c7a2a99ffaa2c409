"""A core: its scalar unit and the queues of its pipes."""

from __future__ import annotations

from tests.interpreter.decode import ALL_PIPES, BadWord, Instruction, decode
from tests.interpreter.lanes import ALL_ONES, Mask
from tests.interpreter.memory import Access
from tests.interpreter.order import S
from tests.interpreter.queues import Entry, Queue, synchronise
from tests.interpreter.scalar import ALU, BRANCHES, MASK, load, signed, store
from tests.interpreter.state import State

PIPES = {"cube": (2, 3, 4, 5, 6), "vector": (1, 4, 5)}


def _check_core(ins: Instruction, kind: str, index: int) -> None:
    """Refuse what a core of this kind does not have."""
    where = f"{kind} section, instruction {index}: {ins.name}"
    if ins.spec.core not in ("both", kind):
        raise BadWord(f"{where} belongs to the other cores")
    named = [ins.values[name] for name in ("src", "dst", "pipe") if name in ins.symbols]
    if not all(pipe in (S, ALL_PIPES, *PIPES[kind]) for pipe in named):
        raise BadWord(f"{where} names a pipe of the other cores")
    if ins.name in ("set_flag", "wait_flag") and named[0] == named[1]:
        raise BadWord(f"{where} needs two different pipes")
    if ins.symbols.get("mode") == "pair" and kind == "cube":
        raise BadWord(f"{where}: pair is a mode of the vector cores")


class Core:
    """Core `number` running the section of its kind; halted when its scalar unit has stopped."""

    def __init__(self, state: State, number: int) -> None:
        self.state, self.number = state, number
        kind = "vector" if number % 3 else "cube"
        self.code = [decode(word) for word in state.program.code[kind]]
        for index, ins in enumerate(self.code):
            _check_core(ins, kind, index)
        self.queues = {pipe: Queue(state, number, pipe) for pipe in PIPES[kind]}
        self.registers = [MASK] * 32
        self.mask_bits, self.counter = ALL_ONES, False
        self.pc, self.halted = 0, False

    @property
    def finished(self) -> bool:
        """Halted, and every queue is empty."""
        return self.halted and not any(queue.entries for queue in self.queues.values())

    @property
    def waiting_at(self) -> int:
        """Index of an instruction that has not started: the head of a queue, or S's own."""
        heads = [queue.entries[0].index for queue in self.queues.values() if queue.entries]
        return heads[0] if heads else self.pc

    def operands(self, ins: Instruction) -> dict[str, int]:
        """Operand values, registers read as signed numbers."""
        read = {name: signed(self.registers[r]) for name, r in ins.registers.items()}
        return ins.values | read

    def act(self) -> bool:
        """One instruction of the scalar unit; False if it has halted or has to wait."""
        if self.halted:
            return False
        ins = self.code[self.pc]
        if ins.spec.pipe != "S":
            if not self._dispatch(ins):
                return False
            self.pc += 1
            return True
        self.pc = self._scalar(ins, self.operands(ins))
        return True

    def _dispatch(self, ins: Instruction) -> bool:
        known = self.state.order.known[self.number, S]
        mask = Mask(self.mask_bits, self.counter)
        entry = Entry(ins, self.pc, self.operands(ins), mask, known)
        if ins.name == "pipe_barrier" and ins.values["pipe"] == ALL_PIPES:
            if any(queue.entries for queue in self.queues.values()):
                return False
            self.state.order.drain(self.number)
            return True
        if ins.pipe == S:
            return synchronise(self.state, self.number, S, entry)
        queue = self.queues[ins.pipe]
        if queue.full:
            return False
        queue.entries.append(entry)
        return True

    def _scalar(self, ins: Instruction, ops: dict[str, int]) -> int:
        """Execute an instruction of S; the index of the next one."""
        name = ins.name
        result: int | None = None
        if name in BRANCHES:
            taken = BRANCHES[name](ops["a"] & MASK, ops["b"] & MASK)
            return ops["target"] if taken else self.pc + 1
        if name == "jmp":
            return ops["target"]
        if name in ALU:
            if name in ("div", "rem") and ops["b"] == 0:
                self.state.stop("E106", self.number, self.pc)
                return self.pc
            result = ALU[name](ops["a"] & MASK, ops["b"] & MASK)
        elif name in ("ld", "st"):
            result = self._memory(ins, ops)
        elif name == "halt":
            self.halted = True
            return self.pc
        else:
            result = self._register(name, ops)
        if result is not None:
            self.registers[ops["dst"]] = result & MASK
        return self.pc + 1

    def _register(self, name: str, ops: dict[str, int]) -> int | None:
        """Instructions of registers, indices and the mask."""
        if name == "set_vector_mask":
            self.mask_bits = (ops["high"] & MASK) << 64 | ops["low"] & MASK
        elif name in ("set_mask_norm", "set_mask_count"):
            self.counter = name == "set_mask_count"
        else:
            return {
                "li": lambda: ops["value"],
                "mov": lambda: ops["src"],
                "not": lambda: ~ops["src"],
                "block_idx": lambda: self.number // 3,
                "block_num": lambda: self.state.program.blocks,
                "subblock_idx": lambda: max(self.number % 3 - 1, 0),
            }[name]()
        return None

    def _memory(self, ins: Instruction, ops: dict[str, int]) -> int | None:
        access = Access(self.state.memories, self.number, self.state.trace)
        space, kind = ins.symbols["space"], ins.symbols["type"]
        address = ops["addr"] + ops["offset"]
        value: int | None = None
        if ins.name == "ld":
            value, fault = load(access, space, kind, address)
        else:
            fault = store(access, space, kind, address, ops["src"])
        if fault:
            self.state.stop(fault, self.number, self.pc)
            return None
        self.state.record(access, S, self.pc, ins.name, 0)
        return value
