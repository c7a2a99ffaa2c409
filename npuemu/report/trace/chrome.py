"""A trace in the Chrome JSON form.

Its times are microseconds; one of them is one cycle, because viewers lose what lies behind the
decimal point of large times. Cores are processes, pipes threads.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from npuemu.report.trace.model import ALL_CORES, TEXT_KEY, Counter, Ints, Shape, Trace
from npuemu.report.trace.order import BEGIN, END, Arrows, Steps

CHUNK = 1 << 15
"""Items that are encoded at a time."""
RUN = 1
"""Process of the run as a whole, and its thread; core c is process c + 2, pipe p thread p + 1: a
thread 0 would be the same one in all processes.
"""


class Encoder:
    """Encodes one trace; ``total``: its items and samples of curves."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.facts = {**trace.facts, "time_unit": "1 us of this trace is 1 cycle"}
        self.arrows = Arrows(trace)
        self.total = len(trace.items) + sum(len(c.times) for c in trace.counters)
        self.texts = np.array([_escaped(text) for text in trace.texts] + [""], object)
        self.cores = np.array([t.core + 2 for t in trace.tracks], np.int64)
        self.pipes = np.array([t.pipe + 1 for t in trace.tracks], np.int64)

    def stream(self) -> Iterator[tuple[int, bytes]]:
        """Pieces of the file, each with how much of the total it holds."""
        yield 0, b'{"displayTimeUnit": "ms", "traceEvents": [\n'
        yield 0, ",\n".join(self._heads()).encode()
        steps = Steps(self.trace)
        shown = np.flatnonzero(steps.kinds != END)
        for first in range(0, len(shown), CHUNK):
            piece = shown[first : first + CHUNK]
            rows = self._chunk(steps.kinds[piece], steps.items[piece])
            yield len(piece), (",\n" + ",\n".join(rows)).encode()
        for counter in self.trace.counters:
            yield len(counter.times), (",\n" + ",\n".join(_curve(counter))).encode()
        other = json.dumps(self.facts)
        yield 0, f'\n], "otherData": {other}}}\n'.encode()

    def _heads(self) -> list[str]:
        """The run as a slice of its own, then names and order of cores and pipes."""
        record = self.trace.recording
        first, last = self.trace.span
        facts = {f"run.{key}": value for key, value in self.facts.items()}
        rows: list[dict[str, object]] = [
            {
                "name": f"{record.kernel} on {record.machine}", "cat": "run", "ph": "X",
                "pid": RUN, "tid": RUN, "ts": first, "dur": last - first,
                "args": facts,
            },
            _about("process_name", RUN, RUN, name=ALL_CORES),
        ]  # fmt: skip
        named: set[int] = set()
        for core, process in [(t.core, t.process) for t in self.trace.tracks] + [
            (c.core, c.process) for c in self.trace.counters if c.core >= 0
        ]:
            if core not in named:
                named.add(core)
                rows.append(_about("process_name", core + 2, RUN, name=process))
                rows.append(_about("process_sort_index", core + 2, RUN, sort_index=core + 2))
        for track in self.trace.tracks:
            place = track.core + 2, track.pipe + 1
            rows.append(_about("thread_name", *place, name=track.name))
            rows.append(_about("thread_sort_index", *place, sort_index=track.pipe))
        return [json.dumps(row) for row in rows]

    def _chunk(self, kinds: NDArray[np.int8], chosen: Ints) -> list[str]:
        """Rows of some items, in their order."""
        rows = np.empty(len(chosen), object)
        for shape, part in self.trace.groups(chosen):
            for lasting in (True, False):
                own = part[(kinds[part] == BEGIN) == lasting]
                if not len(own):
                    continue
                for some in self.arrows.alike(chosen[own]):
                    rows[own[some]] = self._items(lasting, shape, chosen[own[some]])
        found: list[str] = rows.tolist()
        return found

    def _items(self, lasting: bool, shape: Shape, chosen: Ints) -> list[str]:
        """Items of one shape, with as many arrows each, and the ends of these behind each."""
        items = self.trace.items[chosen]
        start, stop = items["start"], items["stop"]
        place = [self.cores[items["track"]], self.pipes[items["track"]]]
        name = _literal(shape.name) if shape.name else "%s"
        form = f'{{"name":{name},"cat":"{shape.category}","pid":%d,"tid":%d,"ts":%d,'
        columns = [] if shape.name else [self.texts[self.trace.names(chosen)]]
        columns += [*place, start]
        if lasting:
            form += '"ph":"X","dur":%d,'
            columns.append(stop - start)
        else:
            form += '"ph":"i","s":"t",'
        keys, values = self.trace.arguments(shape, chosen)
        fixed = [f"{_literal(key)}:{_literal(value)}" for key, value in shape.fixed]
        varied = [f'"{key}":{"%s" if key == TEXT_KEY else "%d"}' for key in keys]
        form += f'"args":{{{",".join(fixed + varied)}}}}}'
        for key, column in zip(keys, values, strict=True):
            columns.append(self.texts[column] if key == TEXT_KEY else column)
        out, into = self.arrows.numbers(chosen)
        for numbers, phase, at in (
            (out, '"s"', np.maximum(stop - 1, start)),
            (into, '"f","bp":"e"', start),
        ):
            for column in numbers.T:
                form += f',\n{{"name":"flag","cat":"flag","ph":{phase},"id":%d,'
                form += '"pid":%d,"tid":%d,"ts":%d}'
                columns += [column + 1, *place, at]
        return [form % row for row in zip(*(c.tolist() for c in columns), strict=True)]


def _escaped(value: object) -> str:
    return json.dumps(value)


def _literal(value: object) -> str:
    """A value as JSON inside a form."""
    return _escaped(value).replace("%", "%%")


def _about(kind: str, process: int, thread: int, **said: object) -> dict[str, object]:
    return {"name": kind, "ph": "M", "pid": process, "tid": thread, "args": said}


def _curve(counter: Counter) -> list[str]:
    """The samples of a counter."""
    name, unit = _literal(counter.name), _literal(counter.unit)
    process = max(counter.core + 2, RUN)
    kind = "%.3f" if counter.values.dtype == np.float64 else "%d"
    form = f'{{"name":{name},"ph":"C","pid":{process},"tid":{RUN},"ts":%d,'
    form += f'"args":{{{unit}:{kind}}}}}'
    columns = [counter.times, counter.values]
    return [form % row for row in zip(*(c.tolist() for c in columns), strict=True)]
