"""One access after another: room for what it may need, and its record."""

from __future__ import annotations

import numpy as np

from npuemu.jit import njit
from npuemu.observe import areas as area
from npuemu.observe.areas import (
    H_CACHE_FROM,
    H_CACHE_TO,
    H_CARRIES,
    H_CHAIN,
    H_DIGEST,
    H_FREE,
    H_IN_PLACE,
    H_LEAVES,
    H_LOG_ROWS,
    H_NEED_LEAVES,
    H_NEED_LOG,
    H_NEED_RECORDS,
    H_NEXT,
    H_RECORDS,
    H_SEEN,
    H_UNDEFINED,
    R_CLOCK,
    R_DISPATCH,
    R_END,
    R_LAST,
    R_PIPE,
    R_PREVIOUS,
    R_ROW,
    R_START,
    R_STATE,
    V_COUNT,
    V_DIGEST,
    V_KNOWN,
    V_PROTECTED,
    WAIT_BITS,
)
from npuemu.observe.clocks import clock, span


@njit
def ask(w, granules, parts, size):
    """Whether there is room for an access to ``size`` bytes in ``granules`` granules, of which
    ``parts`` at most are touched in part. If not, the header says how much is needed.
    """
    header = area.header(w)
    pieces = granules + min(size, 32 * (header[H_LEAVES] - header[H_FREE] + parts))
    header[H_NEED_RECORDS] = 1 + pieces * (2 + header[H_CHAIN])
    header[H_NEED_LEAVES] = parts
    header[H_NEED_LOG] = pieces + 2
    enough = header[H_NEXT] + header[H_NEED_RECORDS] <= header[H_RECORDS]
    enough = enough and header[H_FREE] >= parts
    return enough and area.log(w)[0] + header[H_NEED_LOG] < header[H_LOG_ROWS]


@njit
def _fold(w, x):
    """Fold what pipe ``x`` knows before this access into its digest of the order."""
    known = clock(w, x)
    own = V_KNOWN + x if known[V_PROTECTED] == 1 else -1
    first, last = span(w, x)
    digest = known[V_DIGEST]
    for i in range(first, last):
        if i != own:
            digest = (digest ^ (known[i] >> WAIT_BITS)) * np.int64(0x100000001B3)
    known[V_DIGEST] = digest


@njit(signature="int64(int64, int64, int64, int64, int64, int64, int64, int64)")
def begin(w, x, row, dispatch, start, end, carries, in_place):
    """A new record: pipe ``x`` executes code row ``row``, dispatched at ``dispatch``, in
    ``start .. end``. ``carries``: it carries undefined bytes along; ``in_place``: it may overwrite
    what it reads. Returns its number.
    """
    header, known = area.header(w), clock(w, x)
    current = header[H_NEXT]
    header[H_NEXT] = current + 1
    header[H_CACHE_FROM], header[H_CACHE_TO], header[H_SEEN] = -1, -1, -1
    header[H_CARRIES], header[H_UNDEFINED], header[H_IN_PLACE] = carries, 0, in_place
    known[V_COUNT] = ((known[V_COUNT] >> WAIT_BITS) + 1) << WAIT_BITS
    if header[H_DIGEST] == 1:
        _fold(w, x)
    r = area.record(w, current)
    r[R_PIPE], r[R_CLOCK], r[R_ROW] = x, known[V_COUNT], row
    r[R_DISPATCH], r[R_START], r[R_END], r[R_LAST] = dispatch, start, end, end
    r[R_PREVIOUS], r[R_STATE] = 0, 0
    return current
