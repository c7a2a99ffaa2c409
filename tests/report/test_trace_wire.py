"""The encoder of protobuf messages against Perfetto's own classes."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as proto

from npuemu.report.trace import wire

RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
WORDS = st.integers(-(1 << 63), (1 << 63) - 1)


@RELAXED
@given(st.lists(WORDS, min_size=1, max_size=20), WORDS, st.text(max_size=200))
def test_messages_of_one_form(column: list[int], same: int, text: str) -> None:
    values = np.array(column, np.int64)
    note = wire.message(4, [wire.integer(4, values), wire.text(10, text)])
    rows = wire.join([note, wire.integer(11, same)])
    assert len(rows) == len(column)
    event = proto.TrackEvent.FromString(rows.tobytes())
    assert [note.int_value for note in event.debug_annotations] == column
    assert {note.name for note in event.debug_annotations} == {text}
    assert event.track_uuid == same % (1 << 64)


@RELAXED
@given(st.lists(st.floats(allow_nan=False), min_size=1), st.integers(0, (1 << 63) - 1))
def test_eight_bytes(column: list[float], flow: int) -> None:
    rows = wire.message(4, [wire.fixed64(5, np.array(column))])
    event = proto.TrackEvent.FromString(rows.tobytes())
    assert [note.double_value for note in event.debug_annotations] == column
    flows = proto.TrackEvent.FromString(wire.fixed64(47, np.array([flow])).tobytes())
    assert list(flows.flow_ids) == [flow]


@RELAXED
@given(WORDS)
def test_a_varint_alone_is_as_short_as_can_be(value: int) -> None:
    expected = proto.DebugAnnotation(int_value=value).SerializeToString()
    assert wire.integer(4, value).tobytes() == expected
