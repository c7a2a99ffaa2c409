"""A trace as a stream of Perfetto's protobuf packets.

One nanosecond of the stream is one cycle. All packets are one sequence; its strings are interned in
its first packets. Numbers of fields and enumerators are those of perfetto_trace.proto.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from npuemu.report.trace import wire
from npuemu.report.trace.model import ALL_CORES, TEXT_KEY, Counter, Ints, Shape, Trace
from npuemu.report.trace.order import BEGIN, END, MOMENT, Arrows, Steps

CHUNK = 1 << 16
"""Packets that are encoded at a time."""
SEQUENCE = 1
CLEARED, NEEDED = 1, 2
"""Sequence flags: interned strings begin here, interned strings are used."""
SLICE_BEGIN, SLICE_END, INSTANT, COUNTER = 1, 2, 3, 4
TYPES = {BEGIN: SLICE_BEGIN, END: SLICE_END, MOMENT: INSTANT}
EXPLICIT = 3
(CATEGORY, NAME, KEY, TEXT) = (1, 2, 3, 29)
"""Kinds of interned strings: their fields in InternedData."""
RUN_TRACK = 1
FIRST_TRACK = 1000


class Strings:
    """Interned strings; ``packets`` holds what has to be written for those that are new."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], int] = {}
        self._fresh: list[wire.Part] = []

    def number(self, kind: int, value: str) -> int:
        """The number of a string."""
        key = (kind, value)
        if key not in self._known:
            self._known[key] = len(self._known) + 1
            entry = [wire.integer(1, self._known[key]), wire.text(2, value)]
            self._fresh.append(wire.message(kind, entry))
        return self._known[key]

    def packet(self, flags: int) -> bytes:
        """A packet that defines all new strings."""
        parts = [wire.integer(13, flags), wire.message(12, self._fresh)]
        self._fresh = []
        return packet(parts).tobytes()


def packet(parts: list[wire.Part]) -> wire.Part:
    """Packets of the sequence."""
    return wire.message(1, [wire.integer(10, SEQUENCE), *parts])


class Encoder:
    """Encodes one trace; ``total``: packets of items and samples of curves."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.strings = Strings()
        self.texts = np.array([self.strings.number(TEXT, text) for text in trace.texts], np.int64)
        self.names = np.array([self.strings.number(NAME, text) for text in trace.texts], np.int64)
        self.uuids = np.array([track_uuid(t.core, t.pipe) for t in trace.tracks], np.int64)
        self.arrows = Arrows(trace)
        self._steps = Steps(trace)
        self.total = len(self._steps.items) + sum(len(c.times) for c in trace.counters)
        self._known: dict[tuple[int, Shape], wire.Part] = {}

    def stream(self) -> Iterator[tuple[int, bytes]]:
        """Pieces of the file, each with how much of the total it holds."""
        yield 0, self.strings.packet(CLEARED) + self._run() + self._descriptors()
        steps = self._steps
        for first in range(0, len(steps.items), CHUNK):
            piece = slice(first, first + CHUNK)
            kinds, chosen = steps.kinds[piece], steps.items[piece]
            made = self._chunk(kinds, chosen)
            yield len(chosen), self.strings.packet(NEEDED) + made
        for number, counter in enumerate(self.trace.counters):
            yield len(counter.times), self._counter(number, counter)

    def _run(self) -> bytes:
        """The run as a slice of its own, with all that is known of it."""
        facts = [self._fact(f"run.{key}", value) for key, value in self._facts().items()]
        first, last = self.trace.span
        name = f"{self.trace.recording.kernel} on {self.trace.recording.machine}"
        on = wire.integer(11, RUN_TRACK)
        begin = [wire.integer(9, SLICE_BEGIN), on, wire.text(23, name), *facts]
        parts = [
            packet([wire.integer(8, first), wire.message(11, begin)]),
            packet([wire.integer(8, last), wire.message(11, [wire.integer(9, SLICE_END), on])]),
            _descriptor(RUN_TRACK, ALL_CORES, 0, 0),
        ]
        return wire.join(parts).tobytes()

    def _facts(self) -> dict[str, str | int | float]:
        return {**self.trace.facts, "time_unit": "1 ns of this trace is 1 cycle"}

    def _fact(self, key: str, value: str | int | float) -> wire.Part:
        """An argument that is written in full: DebugAnnotation by name."""
        if isinstance(value, int):
            said = wire.integer(4, value)
        elif isinstance(value, float):
            said = wire.fixed64(5, np.array([value]))[0]
        else:
            said = wire.text(6, value)
        return wire.message(4, [wire.text(10, key), said])

    def _descriptors(self) -> bytes:
        """A track a core, under it those of its pipes and counters, all in a fixed order.

        Cores are no processes: viewers order those by how much they hold.
        """
        trace = self.trace
        parts: list[wire.Part] = []
        cores = {t.core: t.process for t in trace.tracks}
        cores |= {c.core: c.process for c in trace.counters if c.core >= 0}
        for core in sorted(cores):
            parts.append(_descriptor(core_uuid(core), cores[core], 100 + core, 0))
        for track in trace.tracks:
            uuid = track_uuid(track.core, track.pipe)
            parts.append(_descriptor(uuid, track.name, track.pipe, core_uuid(track.core)))
        for number, counter in enumerate(trace.counters):
            above = core_uuid(counter.core) if counter.core >= 0 else RUN_TRACK
            unit = [wire.message(8, [wire.text(6, counter.unit)])]
            uuid = counter_uuid(number)
            parts.append(_descriptor(uuid, counter.name, 100 + number, above, unit))
        return wire.join(parts).tobytes()

    def _chunk(self, kinds: NDArray[np.int8], chosen: Ints) -> bytes:
        """Packets of some steps, in their order."""
        made: list[tuple[Ints, wire.Part]] = []
        ends = np.flatnonzero(kinds == END)
        if len(ends):
            made.append((ends, self._ends(chosen[ends])))
        for kind in (BEGIN, MOMENT):
            places = np.flatnonzero(kinds == kind)
            for shape, part in self.trace.groups(chosen[places]):
                own = places[part]
                for some in self.arrows.alike(chosen[own]):
                    made.append((own[some], self._begins(kind, shape, chosen[own[some]])))
        return _in_order(len(chosen), made)

    def _ends(self, chosen: Ints) -> wire.Part:
        items = self.trace.items[chosen]
        event = [wire.integer(9, SLICE_END), wire.integer(11, self.uuids[items["track"]])]
        return packet([wire.integer(8, items["stop"]), wire.message(11, event)])

    def _begins(self, kind: int, shape: Shape, chosen: Ints) -> wire.Part:
        """Slices or moments of one shape, with as many arrows each."""
        items, number = self.trace.items[chosen], self.strings.number
        event = [
            self._shared(kind, shape),
            wire.integer(11, self.uuids[items["track"]]),
        ]
        if not shape.name:
            event.append(wire.integer(10, self.names[self.trace.names(chosen)]))
        for key, column in zip(*self.trace.arguments(shape, chosen), strict=True):
            text = key == TEXT_KEY
            said = wire.integer(17, self.texts[column]) if text else wire.integer(4, column)
            event.append(wire.message(4, [wire.integer(1, number(KEY, key)), said]))
        out, into = self.arrows.numbers(chosen)
        event += [wire.fixed64(47, column + 1) for column in out.T]
        event += [wire.fixed64(48, column + 1) for column in into.T]
        return packet([wire.integer(8, items["start"]), wire.message(11, event)])

    def _shared(self, kind: int, shape: Shape) -> wire.Part:
        """What is the same in all slices or moments of a shape."""
        if (kind, shape) not in self._known:
            number = self.strings.number
            parts = [wire.integer(9, TYPES[kind])]
            if shape.name:
                parts.append(wire.integer(10, number(NAME, shape.name)))
            parts.append(wire.integer(3, number(CATEGORY, shape.category)))
            for key, value in shape.fixed:
                if isinstance(value, str):
                    said = wire.integer(17, number(TEXT, value))
                else:
                    said = wire.integer(4, value)
                parts.append(wire.message(4, [wire.integer(1, number(KEY, key)), said]))
            self._known[kind, shape] = wire.join(parts)
        return self._known[kind, shape]

    def _counter(self, number: int, counter: Counter) -> bytes:
        if counter.values.dtype == np.float64:
            said = wire.fixed64(44, counter.values)
        else:
            said = wire.integer(30, counter.values.astype(np.int64))
        on = wire.integer(11, counter_uuid(number))
        event = wire.message(11, [wire.integer(9, COUNTER), on, said])
        return packet([wire.integer(8, counter.times), event]).tobytes()


def core_uuid(core: int) -> int:
    """The number of a core's track."""
    return FIRST_TRACK + core


def track_uuid(core: int, pipe: int) -> int:
    """The number of a pipe's track."""
    return 2 * FIRST_TRACK + core * 8 + pipe


def counter_uuid(number: int) -> int:
    """The number of a counter's track."""
    return 10 * FIRST_TRACK + number


def _descriptor(
    uuid: int, name: str, rank: int, above: int, more: Sequence[wire.Part] = ()
) -> wire.Part:
    """A track, at place ``rank`` under ``above`` (0: under none); those under it by rank, too."""
    said = [wire.integer(1, uuid), wire.text(2, name), wire.integer(11, EXPLICIT), *more]
    said.append(wire.integer(12, rank))
    if above:
        said.append(wire.integer(5, above))
    return packet([wire.message(60, said)])


def _in_order(count: int, made: list[tuple[Ints, wire.Part]]) -> bytes:
    """Groups of packets, each with its places among ``count``, as one stream."""
    widths = np.zeros(count, np.int64)
    for places, rows in made:
        widths[places] = rows.shape[1]
    starts = np.cumsum(widths) - widths
    stream = np.empty(int(widths.sum()), np.uint8)
    for places, rows in made:
        stream[starts[places][:, None] + np.arange(rows.shape[1])] = rows
    return stream.tobytes()
