"""Mutants of a kernel: the same program with one piece of its synchronisation spoilt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from npuemu.asm.program import Program
from npuemu.isa.codec import Reg, Value, encode
from tests.mutation.program import Edits, Site, edited, isa, sites

SET, WAIT, BARRIER = "set_flag", "wait_flag", "pipe_barrier"
CROSS_SET, CROSS_WAIT = "cross_core_set_flag", "cross_core_wait_flag"
FREE_EVENT, NEXT_BUFFER, OTHER_BUFFERS = 7, 1, 4
"""An event that no kernel uses; what an event in a register is exclusive-ored with."""

Changes = dict[Site, tuple[int, ...]]


@dataclass(frozen=True)
class Mutant:
    """``group``: its class; ``identity``: its name at every shape; ``build``: makes the program.

    ``order``: whether it spoils order (else places).
    """

    group: str
    identity: tuple[object, ...]
    text: str
    build: Callable[[], Program]
    order: bool = True


class Workshop:
    """Makes the mutants of one program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.sites = sites(program)

    def named(self, *names: str) -> list[Site]:
        """The instructions with these names."""
        return [s for s in self.sites if s.record.name in names]

    def changed(self, group: str, changes: Changes, variant: str, text: str) -> Mutant:
        """A mutant from new words by site."""
        table: Edits = {(s.section, s.index): words for s, words in changes.items()}
        places = frozenset(s.identity for s in changes)
        return Mutant(group, (group, variant, places), text, lambda: edited(self.program, table))

    def without(self, group: str, gone: Iterable[Site]) -> Mutant:
        """A mutant without some instructions."""
        found = list(gone)
        text = "without " + (" and ".join(map(str, found)) if len(found) < 3 else _lines(found))
        return self.changed(group, dict.fromkeys(found, ()), "", text)

    def with_events(self, group: str, moved: Iterable[Site], event: int) -> Mutant:
        """A mutant in which flags use another event: ``event`` for a number, exclusive-ored for one
        in a register.
        """
        found = list(moved)
        shown = " and ".join(map(str, found)) if len(found) < 3 else _lines(found)
        register = isinstance(found[0].values["event"], Reg)
        variant = f"{'event ^ ' if register else 'event '}{event}"
        changes = {s: _with_event(s, event) for s in found}
        return self.changed(group, changes, variant, f"{variant} for {shown}")


def _lines(found: list[Site]) -> str:
    names = dict.fromkeys(f"{s.record.name} at {s.line[1]}:{s.line[2]}" for s in found)
    return f"{len(found)} instructions: {', '.join(names)}"


def _with_event(site: Site, event: int) -> tuple[int, ...]:
    """The flag with another event; a register is changed before it and back behind it."""
    old = site.values["event"]
    if not isinstance(old, Reg):
        return (site.words(event=event),)
    turn = encode(isa().by_name["xor"], {"dst": old, "a": old, "b": event})
    return turn, site.words(), turn


def _by_line(found: Iterable[Site]) -> list[list[Site]]:
    """Sites of one line (in all its expansions) and the same pipes together."""
    lines: dict[object, list[Site]] = {}
    for site in found:
        pipes = site.values.get("src"), site.values.get("dst"), site.values.get("pipe")
        lines.setdefault((site.line, pipes), []).append(site)
    return list(lines.values())


def _match(a: Value, b: Value) -> bool:
    """Whether two event operands may name one event."""
    return isinstance(a, Reg) or isinstance(b, Reg) or a == b


def _flags(shop: Workshop) -> Iterator[tuple[list[Site], list[Site]]]:
    """Sets and waits of every pair of pipes of a core."""
    found: dict[object, tuple[list[Site], list[Site]]] = {}
    for site in shop.named(SET, WAIT):
        sets, waits = found.setdefault((site.section, *site.pipes), ([], []))
        (sets if site.record.name == SET else waits).append(site)
    yield from found.values()


def _pairs(sets: list[Site], waits: list[Site]) -> Iterator[tuple[Site, Site]]:
    for a, b in product(sets, waits):
        if _match(a.values["event"], b.values["event"]):
            yield a, b


def flags_removed(shop: Workshop) -> Iterator[Mutant]:
    """Without a set, a wait, a pair; without a pair of lines; without a whole hand-over."""
    for sets, waits in _flags(shop):
        for site in sets:
            yield shop.without("set_flag removed", [site])
        for site in waits:
            yield shop.without("wait_flag removed", [site])
        for pair in _pairs(sets, waits):
            yield shop.without("set and wait removed", pair)
        for a, b in product(_by_line(sets), _by_line(waits)):
            if len(a) + len(b) > 2:
                yield shop.without("lines of set and wait removed", [*a, *b])
        yield from _hand_overs(shop, [*sets, *waits])


def _hand_overs(shop: Workshop, found: list[Site]) -> Iterator[Mutant]:
    """Everything between two pipes; and everything of one event, if events are numbers."""
    yield shop.without("hand-over removed", found)
    numbers = [s for s in found if not isinstance(s.values["event"], Reg)]
    for event in {int(s.values["event"]) for s in numbers}:  # type: ignore[arg-type]
        part = [s for s in numbers if s.values["event"] == event]
        if len(part) < len(found):
            yield shop.without("hand-over removed", part)


def cross_flags_removed(shop: Workshop) -> Iterator[Mutant]:
    """The same with the flags between cores."""
    found = shop.named(CROSS_SET, CROSS_WAIT)
    for site in found:
        yield shop.without(f"{site.record.name.replace('_flag', '')} removed", [site])
    for a, b in product(_by_line(shop.named(CROSS_SET)), _by_line(shop.named(CROSS_WAIT))):
        if a[0].values["id"] == b[0].values["id"]:
            for one, other in product(a, b):
                yield shop.without("cross-core set and wait removed", [one, other])
            if len(a) + len(b) > 2:
                yield shop.without("cross-core lines removed", [*a, *b])
    for flag in {s.values["id"] for s in found}:
        yield shop.without("cross-core flag removed", [s for s in found if s.values["id"] == flag])


def barriers_removed(shop: Workshop) -> Iterator[Mutant]:
    """Without a barrier, and without all barriers of a line."""
    for line in _by_line(shop.named(BARRIER)):
        for site in line:
            yield shop.without("pipe_barrier removed", [site])
        if len(line) > 1:
            yield shop.without("line of pipe_barrier removed", line)


def _other_events(site: Site, found: list[Site]) -> list[int]:
    """Events to try instead: the nearest that the same pipes use, and one that is free."""
    own = site.values["event"]
    if isinstance(own, Reg):
        return [NEXT_BUFFER, OTHER_BUFFERS]
    numbers = {int(s.values["event"]) for s in found if not isinstance(s.values["event"], Reg)}  # type: ignore[arg-type]
    used = sorted(numbers - {own}, key=lambda e: (abs(e - own), e))
    return [*used[:1], FREE_EVENT if own != FREE_EVENT else 0]


def events_changed(shop: Workshop) -> Iterator[Mutant]:
    """Another event for a set, for a wait, for both, for both lines."""
    for sets, waits in _flags(shop):
        every = [*sets, *waits]
        for site in every:
            group = "event of set_flag" if site in sets else "event of wait_flag"
            for event in _other_events(site, every):
                yield shop.with_events(group, [site], event)
        for a, b in _pairs(sets, waits):
            if isinstance(a.values["event"], Reg) == isinstance(b.values["event"], Reg):
                for event in _other_events(a, every):
                    yield shop.with_events("event of set and wait", [a, b], event)
        for one, other in product(_by_line(sets), _by_line(waits)):
            both = [*one, *other]
            if len(both) > 2 and all(isinstance(s.values["event"], Reg) for s in both):
                for event in (NEXT_BUFFER, OTHER_BUFFERS):
                    yield shop.with_events("event of lines of set and wait", both, event)


def order_mutants(program: Program) -> list[Mutant]:
    """All mutants that spoil the order of a program."""
    shop = Workshop(program)
    found: dict[tuple[object, ...], Mutant] = {}
    for make in (flags_removed, cross_flags_removed, barriers_removed, events_changed):
        for mutant in make(shop):
            found.setdefault(mutant.identity, mutant)
    return list(found.values())
