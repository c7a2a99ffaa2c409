"""Puts in the flags and barriers that an instruction needs, and some that it does not."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np

from npuemu.isa.table import CORE_PIPES, PIPES
from npuemu.machine import Machine
from tests.lockstep.layout import Linear
from tests.lockstep.model import Clock, Model, S
from tests.lockstep.regions import Span
from tests.lockstep.role import Event, Role, of_kind, pipe_name

MINIMAL, PLAIN, HEAVY = range(3)
EVENTS = 8
ATTEMPTS = 10


@dataclass
class Channel:
    """A cross-core flag id with one direction; a role sets and waits on one pipe each."""

    mode: str
    source: str
    flag: int
    sets: dict[str, int] = field(default_factory=dict)
    waits: dict[str, int] = field(default_factory=dict)


@dataclass
class Order:
    """Synchronisation of a program in the making."""

    rng: random.Random
    model: Model
    machine: Machine
    roles: list[Role]
    density: int
    channels: list[Channel] = field(default_factory=list)
    tags: int = 0
    used: set[tuple[str, str]] = field(default_factory=set)
    """(record, enum value) of what was put in."""

    def tag(self) -> int:
        """A number that the lines of one piece of synchronisation share."""
        self.tags += 1
        return self.tags

    def event_text(self, role: Role, value: int) -> str:
        """An event or flag id: a number, or now and then a register."""
        if self.rng.random() < 0.1:
            return f"r{role.register(Linear(value), keep=False)}"
        return str(value)

    # --- inside a core

    def barrier(self, role: Role, pipe: int) -> None:
        """``pipe_barrier`` of one pipe."""
        role.tell(self.model, Event("barrier", pipe))
        role.emit(f"pipe_barrier {pipe_name(pipe)}  ; sync {self.tag()}")
        self.used.add(("pipe_barrier", pipe_name(pipe)))

    def barrier_all(self, role: Role) -> None:
        """``pipe_barrier ALL``."""
        role.tell(self.model, Event("all"))
        role.emit(f"pipe_barrier ALL  ; sync {self.tag()}")
        self.used.add(("pipe_barrier", "ALL"))

    def free_event(self, role: Role, src: int, dst: int) -> int | None:
        """An event that can be raised without doubt."""
        events = list(range(EVENTS))
        self.rng.shuffle(events)
        for event in events:
            if all(self.model.can_raise(c, src, dst, event) for c in role.active):
                return event
        return None

    def raise_flag(self, role: Role, src: int, dst: int) -> bool:
        """``set_flag``, kept in mind as pending; False when no event is free."""
        event = self.free_event(role, src, dst)
        if event is None:
            return False
        text = self.event_text(role, event)
        tag = self.tag()
        role.tell(self.model, Event("set", src, dst, event))
        role.emit(f"set_flag {pipe_name(src)}, {pipe_name(dst)}, {text}  ; sync {tag}")
        role.pending.append((src, dst, event, tag))
        return True

    def await_flag(self, role: Role, which: tuple[int, int, int, int]) -> None:
        """``wait_flag`` for a pending one."""
        role.pending.remove(which)
        src, dst, event, tag = which
        text = self.event_text(role, event)
        role.tell(self.model, Event("wait", src, dst, event))
        role.emit(f"wait_flag {pipe_name(src)}, {pipe_name(dst)}, {text}  ; sync {tag}")

    def pair(self, role: Role, src: int, dst: int) -> bool:
        """A set and its wait."""
        if not self.raise_flag(role, src, dst):
            return False
        self.await_flag(role, role.pending[-1])
        return True

    def drain(self, role: Role) -> None:
        """Wait for all that is pending."""
        while role.pending:
            self.await_flag(role, self.rng.choice(role.pending))

    def _covers(self, role: Role, which: tuple[int, int, int, int], src: int) -> bool:
        """Whether a pending flag was raised behind everything of pipe ``src`` so far."""
        own, dst, event, _ = which
        base = len(PIPES)
        return all(
            self.model.raised[c, own, dst, event][c * base + src]
            >= max((a.position + 1 for accesses in self.model.accesses.values()
                    for a in accesses if a.pipe == c * base + src), default=0)
            for c in role.active
        )  # fmt: skip

    def _inside(self, role: Role, src: int, dst: int) -> None:
        """Order what comes next on pipe ``dst`` after pipe ``src`` of the same core."""
        rng = self.rng
        waiting = [w for w in role.pending if w[1] == dst and self._covers(role, w, src)]
        if waiting and rng.random() < 0.9:
            self.await_flag(role, rng.choice(waiting))
            return
        if src == dst:
            if rng.random() < 0.8 or self.density == MINIMAL:
                self.barrier(role, src)
                return
        elif rng.random() < 0.85 and self.pair(role, src, dst):
            return
        elif rng.random() < 0.5:
            others = [PIPES.index(p) for p in CORE_PIPES[role.kind]]
            middle = rng.choice([p for p in others if p not in (src, dst)])
            if self.pair(role, src, middle) and self.pair(role, middle, dst):
                return
        self.barrier_all(role)

    # --- between cores

    def _subs(self, role: Role) -> set[int]:
        """Vector cores of the groups that the cores of a role are, its neighbours' included."""
        found = {c % 3 - 1 for c in role.cores}
        while True:
            wider = set(found)
            for other in of_kind(self.roles, "vector"):
                subs = {c % 3 - 1 for c in other.cores}
                if subs & wider:
                    wider |= subs
            if wider == found:
                return found
            found = wider

    def _modes(self, source: Role, a: int, target: Role, b: int) -> list[str]:
        """Modes that reach from core ``a`` to core ``b``."""
        same = a // 3 == b // 3
        if source.kind == target.kind:
            return ["pair", "all"] if same and source.kind == "vector" else ["all"]
        return ["cv", *(["c1v"] if "c1v" in self.machine.features else [])] if same else []

    def _channel(self, mode: str, source: Role, pipe: int, target: Role, to: int) -> Channel | None:
        """A channel whose set stands behind ``pipe`` of ``source``: an old one or a new one."""
        fits = [
            c for c in self.channels
            if (c.mode, c.source) == (mode, source.kind) and c.sets.get(source.name, pipe) == pipe
        ]  # fmt: skip
        if fits and self.rng.random() < 0.7:
            return self.rng.choice(fits)
        counted = "cube" if (source.kind == "cube") == (mode in ("all", "pair")) else "vector"
        arrives = (source.kind, mode != "c1v")  # which arrivals it counts, of whatever mode
        taken = {
            c.flag
            for c in self.channels
            if self._counted(c) == counted or (c.source, c.mode != "c1v") == arrives
        }
        free = [f for f in range(16) if f not in taken]
        if not free:
            return self.rng.choice(fits) if fits else None
        channel = Channel(mode, source.kind, self.rng.choice(free))
        channel.sets[source.name] = pipe
        channel.waits[target.name] = to if self.rng.random() < 0.8 else S
        self.channels.append(channel)
        return channel

    @staticmethod
    def _counted(channel: Channel) -> str:
        """The kind of core whose counters a channel uses."""
        inside = channel.mode in ("all", "pair")
        return "cube" if (channel.source == "cube") == inside else "vector"

    def _pipe_of(self, pipes: dict[str, int], role: Role) -> int:
        """The pipe of a role in a channel, drawn when it first takes part."""
        if role.name not in pipes:
            pipes[role.name] = PIPES.index(self.rng.choice(CORE_PIPES[role.kind]))
        return pipes[role.name]

    def cross(self, mode: str, source: Role, pipe: int, target: Role, to: int) -> bool:
        """A cross-core flag of ``mode`` from one role to another (and whoever else it takes)."""
        vector = target if source.kind == "cube" else source
        subs = sorted(self._subs(vector)) if mode == "c1v" else [0, 1]
        channel = self._channel(mode, source, pipe, target, to)
        if channel is None:
            return False
        counted = self._counted(channel)
        ids = [channel.flag + 16 * s for s in subs] if mode == "c1v" else [channel.flag]
        cores = [
            c for r in of_kind(self.roles, counted) for c in r.cores
            if mode != "c1v" or counted == "cube" or c % 3 - 1 in subs
        ]  # fmt: skip
        low = channel.flag if counted == "vector" else None
        if any(not self.model.room(c, i if low is None else low) for c in cores for i in ids):
            return False
        tag = self.tag()
        clocks = self._fire(channel, ids, subs, tag)
        self._count_up(channel, clocks, subs)
        for role in of_kind(self.roles, counted):
            if mode == "c1v" and counted == "vector" and role.cores[0] % 3 - 1 not in subs:
                continue
            at = self._pipe_of(channel.waits, role)
            for flag in ids if counted == "cube" else [channel.flag]:
                text = self.event_text(role, flag)
                role.emit(f"cross_core_wait_flag {pipe_name(at)}, {text}  ; sync {tag}")
                for core in role.cores:
                    self.model.count_down(core, at, flag)
        self.used |= {("cross_core_set_flag", mode)}
        return True

    def _fire(
        self, channel: Channel, ids: list[int], subs: list[int], tag: int
    ) -> dict[tuple[int, int], Clock]:
        """The sets of a channel, as lines and to the model: clocks by (core, id)."""
        clocks = {}
        for role in of_kind(self.roles, channel.source):
            own = {c % 3 - 1 for c in role.cores}
            single = channel.mode == "c1v" and channel.source == "vector"
            if single and not own & set(subs):
                continue
            at = self._pipe_of(channel.sets, role)
            for flag in [channel.flag] if channel.source == "vector" else ids:
                text = self.event_text(role, flag)
                role.emit(
                    f"cross_core_set_flag {channel.mode}, {pipe_name(at)}, {text}  ; sync {tag}"
                )
                for core in role.cores:
                    clocks[core, flag] = self.model.fire(core, at)
        return clocks

    def _count_up(
        self, channel: Channel, clocks: dict[tuple[int, int], Clock], subs: list[int]
    ) -> None:
        """What the sets do to the counters."""
        flag, mode, cores = channel.flag, channel.mode, range(self.model.cores)
        groups = range(0, self.model.cores, 3)
        if mode == "all":
            kind = [c for c in cores if (c % 3 == 0) == (channel.source == "cube")]
            joint = np.max([clocks[c, flag] for c in kind], axis=0)
            for c in kind:
                self.model.count_up(c, flag, joint)
            return
        for g in groups:
            if mode == "c1v":
                for s in subs:
                    if channel.source == "cube":
                        self.model.count_up(g + 1 + s, flag, clocks[g, flag + 16 * s])
                    else:
                        self.model.count_up(g, flag + 16 * s, clocks[g + 1 + s, flag])
            elif channel.source == "cube":
                for c in (g + 1, g + 2):
                    self.model.count_up(c, flag, clocks[g, flag])
            else:
                joint = np.maximum(clocks[g + 1, flag], clocks[g + 2, flag])
                for c in (g,) if mode == "cv" else (g + 1, g + 2):
                    self.model.count_up(c, flag, joint)

    def _between(self, target: Role, b: int, to: int, a: int, pipe: int) -> bool:
        """Order core ``b`` after pipe ``pipe`` of core ``a``."""
        if target.local:
            return False
        source = next(r for r in self.roles if a in r.cores)
        modes = self._modes(source, a, target, b)
        self.rng.shuffle(modes)
        return any(self.cross(mode, source, pipe, target, to) for mode in modes)

    # --- what a generator asks for

    def need(self, role: Role, pipe: int, spans: dict[int, tuple[Span, ...]]) -> bool:
        """Order everything that these accesses conflict with before them; False: cannot be."""
        for _ in range(ATTEMPTS):
            pairs = [
                (core, old) for core in role.active
                for old in self.model.unordered(core, pipe, spans[core])
            ]  # fmt: skip
            if not pairs:
                return True
            core, (other, src) = self.rng.choice(pairs)
            if other == core:
                self._inside(role, src, pipe)
            elif not self._between(role, core, pipe, other, src):
                return False
        return False

    def decorate(self, role: Role, pipe: int) -> None:
        """Behind an instruction: flags ahead of need, and what nobody needs."""
        rng, kind = self.rng, role.kind
        pipes = [PIPES.index(p) for p in CORE_PIPES[kind]]
        ahead = (0.1, 0.2, 0.5)[self.density]
        if rng.random() < ahead:
            dst = rng.choice([p for p in pipes if p != pipe])
            self.raise_flag(role, pipe, dst)
        if role.pending and rng.random() < 0.15:
            self.await_flag(role, rng.choice(role.pending))
        if rng.random() < (0.0, 0.05, 0.4)[self.density]:
            self.redundant(role, pipes)

    def redundant(self, role: Role, pipes: list[int]) -> None:
        """Synchronisation that nothing asked for."""
        rng = self.rng
        match rng.randrange(4):
            case 0:
                src, dst = rng.sample(pipes, 2)
                self.pair(role, src, dst)
            case 1:
                self.barrier(role, rng.choice([p for p in pipes if p != S]))
            case 2:
                self.barrier_all(role)
            case _ if not role.local:
                other = rng.choice(self.roles)
                modes = self._modes(role, role.cores[0], other, other.cores[0])
                modes = [m for m in modes if m != "pair" or role.kind == "vector"]
                if modes:
                    to = PIPES.index(rng.choice(CORE_PIPES[other.kind]))
                    self.cross(rng.choice(modes), role, rng.choice(pipes), other, to)
