"""Trace files read back: the binary form with Perfetto's own message classes, JSON with json.

Both give the same `Shown`, so a test says once what a file has to hold.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as proto

Args = dict[str, Any]
Lane = tuple[str, str]
ORDER = {"S": 0, "V": 1, "M": 2, "MTE1": 3, "MTE2": 4, "MTE3": 5, "FIX": 6}


@dataclass
class Item:
    """A slice, or a moment (``stop`` = ``start``); times in cycles."""

    lane: Lane
    name: str
    category: str
    start: int
    stop: int
    args: Args


@dataclass
class Shown:
    """What a file holds: items in the order of the file, arrows as pairs of them, curves by lane,
    facts of the run, and the lanes in the order in which a viewer is told to show them.
    """

    items: list[Item] = field(default_factory=list)
    arrows: list[tuple[Item, Item]] = field(default_factory=list)
    curves: dict[Lane, list[tuple[int, float]]] = field(default_factory=dict)
    facts: Args = field(default_factory=dict)
    lanes: list[Lane] = field(default_factory=list)

    def lane(self, core: str, pipe: str) -> list[Item]:
        """Items of a lane by start."""
        return sorted(
            (i for i in self.items if i.lane == (core, pipe)), key=lambda i: (i.start, i.stop)
        )


def read(path: Path) -> Shown:
    """A trace file, by its name."""
    return read_json(path) if ".json" in path.name else read_binary(path)


class _Binary:
    """State of reading the packets of one sequence."""

    def __init__(self) -> None:
        self.shown = Shown()
        self.names: dict[tuple[str, int], str] = {}
        self.tracks: dict[int, Any] = {}
        self.open: dict[int, list[Item]] = defaultdict(list)
        self.flows: dict[int, Item] = {}
        self.last = 0

    def intern(self, data: Any) -> None:
        """New interned strings."""
        for kind in (
            "event_categories", "event_names", "debug_annotation_names",
            "debug_annotation_string_values",
        ):  # fmt: skip
            for entry in getattr(data, kind):
                text = entry.str.decode() if kind.endswith("values") else entry.name
                assert (kind, entry.iid) not in self.names
                self.names[kind, entry.iid] = text

    def args(self, event: Any) -> Args:
        """Arguments by name; each once."""
        found: Args = {}
        for note in event.debug_annotations:
            key = note.name or self.names["debug_annotation_names", note.name_iid]
            kind = note.WhichOneof("value")
            value = getattr(note, kind)
            if kind == "string_value_iid":
                value = self.names["debug_annotation_string_values", value]
            assert key not in found
            found[key] = value
        return found

    def lane(self, uuid: int) -> Lane:
        """Names of a track and of the one above it."""
        track = self.tracks[uuid]
        above = self.tracks.get(track.parent_uuid)
        return (above.name if above is not None else "", track.name)

    def event(self, time: int, event: Any) -> None:
        """One step: steps come in the order of time."""
        kind, uuid = event.type, event.track_uuid
        if kind == proto.TrackEvent.TYPE_COUNTER:
            value = event.double_counter_value or event.counter_value
            self.shown.curves.setdefault(self.lane(uuid), []).append((time, value))
            return
        if self.lane(uuid)[0]:
            assert time >= self.last
            self.last = time
        if kind == proto.TrackEvent.TYPE_SLICE_END:
            self.open[uuid].pop().stop = time
            return
        name = event.name or self.names["event_names", event.name_iid]
        category = "".join(self.names["event_categories", c] for c in event.category_iids)
        item = Item(self.lane(uuid), name, category, time, time, self.args(event))
        if kind == proto.TrackEvent.TYPE_SLICE_BEGIN:
            assert not self.open[uuid], "slices of a track do not overlap"
            self.open[uuid].append(item)
        self.shown.items.append(item)
        for number in event.terminating_flow_ids:
            self.shown.arrows.append((self.flows.pop(number), item))
        for number in event.flow_ids:
            assert number not in self.flows
            self.flows[number] = item


def read_binary(path: Path) -> Shown:
    """A stream of packets."""
    trace = proto.Trace()
    trace.ParseFromString(path.read_bytes())
    state = _Binary()
    for packet in trace.packet:
        if packet.HasField("track_descriptor"):
            state.tracks[packet.track_descriptor.uuid] = packet.track_descriptor
    for packet in trace.packet:
        assert packet.trusted_packet_sequence_id == 1
        state.intern(packet.interned_data)
        if packet.HasField("track_event"):
            state.event(packet.timestamp, packet.track_event)
    assert not state.flows and not any(state.open.values())
    shown = state.shown
    run = next(item for item in shown.items if item.lane == ("", "all cores"))
    shown.items.remove(run)
    shown.facts = {key.removeprefix("run."): value for key, value in run.args.items()}
    assert (run.start, run.stop) == _window(shown.facts)
    ranked = {u: t for u, t in state.tracks.items() if t.parent_uuid and not t.HasField("counter")}
    cores = state.tracks

    def place(uuid: int) -> tuple[int, int]:
        track = ranked[uuid]
        return cores[track.parent_uuid].sibling_order_rank, track.sibling_order_rank

    shown.lanes = [state.lane(uuid) for uuid in sorted(ranked, key=place)]
    return shown


def _window(facts: Args) -> tuple[int, int]:
    words = str(facts["window"]).split()
    return (0, facts["cycles"]) if words[0] == "all" else (int(words[1]), int(words[3]))


def read_json(path: Path) -> Shown:
    """The Chrome JSON form."""
    raw = path.read_bytes()
    text = gzip.decompress(raw) if path.suffix == ".gz" else raw
    file = json.loads(text)
    shown = Shown(facts=file["otherData"])
    names: dict[tuple[str, int, int], Any] = {}
    for event in file["traceEvents"]:
        if event["ph"] == "M":
            names[event["name"], event["pid"], event["tid"]] = next(iter(event["args"].values()))
    last: dict[tuple[int, int], Item] = {}
    flows: dict[int, Item] = {}
    for event in file["traceEvents"]:
        phase, pid, tid = event["ph"], event["pid"], event["tid"]
        assert pid > 0 and tid > 0, "viewers take a thread 0 of any process for the same one"
        core = names["process_name", pid, 1]
        if phase == "C":
            ((_, value),) = event["args"].items()
            lane = (core, event["name"])
            shown.curves.setdefault(lane, []).append((event["ts"], float(value)))
        elif phase in ("X", "i") and pid > 1:
            start = event["ts"]
            stop = start + event.get("dur", 0)
            lane = (core, names["thread_name", pid, tid])
            item = Item(lane, event["name"], event["cat"], start, stop, event["args"])
            last[pid, tid] = item
            shown.items.append(item)
        elif phase in ("s", "f"):
            item, time = last[pid, tid], event["ts"]
            if phase == "s":
                assert time == max(item.stop - 1, item.start)
                flows[event["id"]] = item
            else:
                assert time == item.start and event["bp"] == "e"
                shown.arrows.append((flows.pop(event["id"]), item))
    assert not flows
    orders = [(names["process_sort_index", p, 1], i, p, t) for (k, p, t), i in names.items()
              if k == "thread_sort_index"]  # fmt: skip
    for _, _, pid, tid in sorted(orders):
        shown.lanes.append((names["process_name", pid, 1], names["thread_name", pid, tid]))
    return shown
