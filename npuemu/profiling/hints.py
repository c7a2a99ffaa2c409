"""What would make a run faster, each hint with its figures and what it is worth.

A rule looks for one pattern. What a hint is worth is an estimate, from the stalls or the critical
path: where pipes overlap no more than the busiest one leaves, though its heads may go as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from npuemu.profiling.evidence import Evidence, pointers
from npuemu.profiling.limits import limits
from npuemu.report.json_schema import Hint, PathShare, Wait
from npuemu.report.summary import KIND_TITLES, integer, percent

LEAST = 0.05
"""A hint is given from this part of the run's cycles on."""
MOST = 6
GM_PIPES = ("MTE2", "MTE3", "FIX")


def _waiting(evidence: Evidence, core: str, pipe: str, source: str) -> list[tuple[int, Wait]]:
    """Where ``pipe`` waits for flags that ``source`` raises."""
    return evidence.waits(lambda w: (w.core, w.pipe, w.cause) == (core, pipe, f"flag_{source}"))


def _for_flag(evidence: Evidence, wait: Wait, cycles: float) -> str:
    """``M waits 41.0% for MTE1 (flag MTE1 -> M 0, set at k.npu:57 after mov_gm_l1 at k.npu:5)``."""
    source = wait.cause.removeprefix("flag_")
    after = f" after {wait.awaited} at {evidence.place(wait.awaited_where)}" if wait.awaited else ""
    return (
        f"{wait.pipe} waits {percent(evidence.share(cycles))} for {source} "
        f"(flag {wait.flag}, set at {evidence.place(wait.set_where)}{after})"
    )


def _rings(waits_for: dict[str, list[str]]) -> Iterator[tuple[str, ...]]:
    """Rings of pipes each of which waits for the next one, each ring once."""

    def walk(path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for pipe in waits_for.get(path[-1], []):
            if pipe == path[0]:
                yield path
            elif pipe not in path and pipe > path[0]:  # a ring begins at its first name
                yield from walk((*path, pipe))

    for first in sorted(waits_for):
        yield from walk((first,))


def take_turns(evidence: Evidence) -> Iterator[Hint]:
    """Pipes that wait for each other in a ring with a single event: nothing of them overlaps."""
    for core in ("aic", "aiv"):
        pipes = [r.pipe for r in evidence.rows if evidence.kind(r) == core and r.pipe != "S"]
        found = {(a, b): _waiting(evidence, core, a, b) for a in pipes for b in pipes if a != b}
        cycles = {
            (a, b): evidence.mean(core, a, sum(wait.cycles for _, wait in waits))
            for (a, b), waits in found.items()
        }
        edges = [pair for pair, n in cycles.items() if evidence.share(n) >= LEAST]
        for ring in _rings({a: [b for x, b in edges if x == a] for a, _ in edges}):
            pairs = list(zip(ring, (*ring[1:], ring[0]), strict=True))
            if min(evidence.events(core, b, a) for a, b in pairs) > 1:
                continue
            gain = min(*(cycles[pair] for pair in pairs), evidence.room())
            if evidence.share(gain) < LEAST:
                continue
            text = ", ".join(_for_flag(evidence, found[p][0][1], cycles[p]) for p in pairs)
            yield Hint(
                kind="take_turns",
                message=f"{', '.join(ring[:-1])} and {ring[-1]} of the {KIND_TITLES[core]} core "
                f"take turns: {text}",
                advice="give what they hand over two buffers, and two events in each direction, "
                "so that one is filled while the other is used",
                gain=round(gain),
                evidence=pointers("waits", [found[pair][0][0] for pair in pairs], len(pairs)),
            )


def _on_path(
    evidence: Evidence, parts: tuple[str, ...]
) -> Iterator[tuple[str, str, list[tuple[int, PathShare]], int]]:
    """(core, pipe, shares, cycles) of every pipe that has such parts on the critical path."""
    found = evidence.on_path(lambda share: share.part in parts)
    for core, pipe in dict.fromkeys((share.core, share.pipe) for _, share in found):
        those = [(i, share) for i, share in found if (share.core, share.pipe) == (core, pipe)]
        cycles = sum(share.cycles for _, share in those)
        if evidence.share(cycles) >= LEAST:
            yield core, pipe, those, cycles


def _lines(evidence: Evidence, shares: list[tuple[int, PathShare]], most: int = 2) -> str:
    """``nd2nz_gm_l1 at k.npu:40 and 1 more``."""
    names = dict.fromkeys(f"{s.name} at {evidence.place(s.where)}" for _, s in shares)
    shown = ", ".join(list(names)[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def heads(evidence: Evidence) -> Iterator[Hint]:
    """Instructions that begin on an idle pipe pay its head, and dependent ones its tail too."""
    for core, pipe, those, cycles in _on_path(evidence, ("head", "tail")):
        times = sum(share.count for _, share in those if share.part == "head")
        name = f"{KIND_TITLES[core]} {pipe}"
        what = f"heads and tails of {name} take {percent(evidence.share(cycles))} of the run"
        if pipe == "V":
            advice = (
                "put independent instructions between dependent ones, and let one instruction do "
                "more repeats: a barrier or flag shows the whole latency"
            )
        elif pipe in GM_PIPES:
            longer = f"move more bytes with one {those[0][1].name}"
            sooner = (
                "issue the next transfer before the last one has ended (wait for its buffer "
                "later, or have one more buffer)"
            )
            both = (longer, sooner) if evidence.has_slots(core, pipe) else (sooner, longer)
            advice = ", or ".join(both)
        else:
            advice = f"keep {pipe} fed: hand over the next piece before this one has ended"
        yield Hint(
            kind="heads",
            message=f"{what}: {integer(cycles)} cycles of the critical path, where {pipe} starts "
            f"from idle {integer(times)} times ({_lines(evidence, those)})",
            advice=advice,
            gain=min(cycles, evidence.room()) if pipe != evidence.busiest.pipe else cycles,
            evidence=pointers("profile/critical_path", [i for i, _ in those]),
        )


def scalar(evidence: Evidence) -> Iterator[Hint]:
    """The scalar unit is what everything waits for."""
    for core, _, those, cycles in _on_path(evidence, ("scalar",)):
        yield Hint(
            kind="scalar",
            message=f"the scalar unit of the {KIND_TITLES[core]} core decides "
            f"{percent(evidence.share(cycles))} of the run ({integer(cycles)} cycles of the "
            f"critical path, on its way to {_lines(evidence, those)})",
            advice="take address arithmetic out of the inner loop, unroll it with .rep, dispatch "
            "what starts the longest chain first, or let each instruction do more",
            gain=min(cycles, evidence.room()),
            evidence=pointers("profile/critical_path", [i for i, _ in those]),
        )


def cross_core(evidence: Evidence) -> Iterator[Hint]:
    """Flags on the way between cores."""
    found = evidence.on_path(lambda share: share.part == "cross_core")
    cycles, times = sum(s.cycles for _, s in found), sum(s.count for _, s in found)
    if evidence.share(cycles) < LEAST:
        return
    yield Hint(
        kind="cross_core",
        message=f"cross-core flags are under way for {percent(evidence.share(cycles))} of the run: "
        f"{integer(times)} of them on the critical path, {evidence.recording.latency} cycles each "
        f"({_lines(evidence, found)})",
        advice="hand over larger pieces, or work on the next piece before the last one has come "
        "back (one more slot in the ring between the cores)",
        gain=min(cycles, evidence.room()),
        evidence=pointers("profile/critical_path", [i for i, _ in found]),
    )


_LOST = {
    "bank_conflict": (
        "bank conflicts of UB",
        "let the sources, and the result, begin in different bank groups: move one by 32 bytes "
        "times an odd number, or by half of UB",
    ),
    "shared_bandwidth": (
        "the bandwidth that all cores share",
        "move fewer bytes: larger tiles, or a loop order in which cores share what lies in L2",
    ),
}


def lost(evidence: Evidence) -> Iterator[Hint]:
    """Cycles of the critical path lost to bank conflicts or shared bandwidth."""
    for cause, (what, advice) in _LOST.items():
        for core, pipe, those, cycles in _on_path(evidence, (cause,)):
            waits = evidence.waits(
                lambda w, at=(core, pipe, cause): (w.core, w.pipe, w.cause) == at  # type: ignore[misc]
            )
            yield Hint(
                kind=cause,
                message=f"{KIND_TITLES[core]} {pipe} loses {percent(evidence.share(cycles))} of "
                f"the run to {what}, most of it in {_lines(evidence, those, 1)}",
                advice=advice,
                gain=cycles,
                evidence=pointers("profile/critical_path", [i for i, _ in those])
                + pointers("waits", [i for i, _ in waits], 1),
            )


def begins_late(evidence: Evidence) -> Iterator[Hint]:
    """The pipe that computes begins late, or what follows its end takes long."""
    row = max(evidence.computing, key=lambda row: row.busy, default=None)
    if row is None:
        return
    core, (first, last) = evidence.kind(row), evidence.span(evidence.kind(row), row.pipe)
    waits = evidence.waits(
        lambda w: (w.core, w.pipe) == (core, row.pipe) and w.cause.startswith(("flag", "cross"))
    )
    if waits and evidence.share(first) >= 2 * LEAST:
        wait = waits[0][1]
        after = f", {wait.awaited} at {evidence.place(wait.awaited_where)}" if wait.awaited else ""
        yield Hint(
            kind="begins_late",
            message=f"{row.pipe} begins only at cycle {integer(first)}, "
            f"{percent(evidence.share(first))} of the run; until then it waits for "
            f"{wait.flag or wait.cause}{after}",
            advice="make the first pieces small, and raise their flag as soon as they are there, "
            "so that work begins while the rest is loaded",
            gain=min(first, evidence.room()),
            evidence=pointers("waits", [i for i, _ in waits], 1),
        )
    after_last = evidence.report.cycles - last
    if evidence.share(after_last) >= 2 * LEAST:
        those = evidence.on_path(lambda s: s.core == core and s.pipe in ("FIX", "MTE3"))
        yield Hint(
            kind="ends_late",
            message=f"{row.pipe} has ended at cycle {integer(last)}; what follows takes "
            f"{percent(evidence.share(after_last))} of the run"
            + (f" ({_lines(evidence, those)})" if those else ""),
            advice="let the last pieces be small, and store each result while the next is computed",
            gain=min(after_last, evidence.room()),
            evidence=pointers("profile/critical_path", [i for i, _ in those]),
        )


RULES: tuple[Callable[[Evidence], Iterator[Hint]], ...] = (
    take_turns, heads, scalar, cross_core, lost, begins_late, limits,
)  # fmt: skip


def hints(evidence: Evidence) -> list[Hint]:
    """What the rules find, the largest gain first."""
    found = [hint for rule in RULES for hint in rule(evidence)]
    return sorted(found, key=lambda hint: -hint.gain)[:MOST]
