"""The observers' state: what they remember about accesses and order, as arrays of int64.

A *record* is one execution of an instruction that touches memory. Every granule of memory holds two
record numbers: who wrote it last, and who has read it since. From these follow races, reads of
memory that nothing wrote, results that nobody used, and the live bytes of every buffer.
"""

from __future__ import annotations

from npuemu.jit import njit, view_i32
from npuemu.jit.areas import Areas

CORE_PIPES = 8
GROUP_PIPES = 24
"""Pipes of a core group, three cores of eight (seven, padded); a pipe's number in the launch is
``group * 24 + core * 8 + pipe``."""

# --- header
(
    H_CHECK,  # whether order is checked (else only occupancy)
    H_NEXT,  # next free record; 0 stands for none
    H_RECORDS,  # capacity
    H_FREE,  # free leaves on the stack
    H_LEAVES,  # leaves in all
    H_LOG_ROWS,  # capacity of the log
    H_NEED_RECORDS,  # room that the instruction in hand asks for: records,
    H_NEED_LEAVES,  # leaves
    H_NEED_LOG,  # and rows of the log
    H_CHAIN,  # readers at once of one granule, the most so far
    H_CACHE_FROM,  # readers before and after the record in hand, the last such pair
    H_CACHE_TO,
    H_SEEN,  # a writer that is ordered before the record in hand and left no marks
    H_CLOSELY,  # whether there are marks or findings: every access is looked at
    H_UNDEFINED,  # whether the record in hand has read undefined bytes
    H_CARRIES,  # whether the instruction in hand carries undefined bytes along
    H_WIDTH,  # pipes of the launch
    H_STRIDE,  # words of a clock
    H_WIDE,  # whether a die-wide flag has joined core groups
    H_FINDINGS,  # findings in use
    H_LOST,  # findings that found no row
    H_MARKS,  # whether marks of undefined bytes are kept
    H_DIGEST,  # whether the order of every record is folded into a digest
    H_IN_PLACE,  # whether the instruction in hand may overwrite what it reads
) = range(24)
HEADER_WORDS = 32

# --- a record
(
    R_PIPE,
    R_CLOCK,  # which access of its pipe
    R_ROW,
    R_DISPATCH,  # when the scalar unit dispatched it
    R_START,
    R_END,
    R_LAST,  # the latest end of all reads up to this one
    R_PREVIOUS,  # another reader that nothing orders before this one
    R_STATE,  # bits, below
) = range(9)
RECORD_COLUMNS = 9
USED, WROTE, TAINTED, READER = 1, 2, 4, 8
"""Something read it; it wrote; some bytes that it wrote are undefined; only a link of readers."""

# --- a clock: what a pipe knows
(V_PROTECTED, V_COUNT, V_VERSION, V_DIGEST) = range(4)
V_KNOWN = 4
WAIT_BITS = 20
(V_TAKEN, V_TAKER) = (V_COUNT, V_VERSION)
"""V_PROTECTED: the machine orders the pipe's own accesses; V_COUNT: the pipe's position in program
order: its accesses, and in the low WAIT_BITS bits its waits since the last one;
V_VERSION: of the scalar unit's knowledge (S: current, others: the last one dispatched to them);
from V_KNOWN on: up to which position each pipe of the launch is complete. A flag's words hold
V_TAKEN: the position of the wait that took it last, 0 if none did, and V_TAKER: that wait's row."""

# --- a finding
(
    F_KIND,
    F_ROW_A,  # the earlier instruction, -1 for none
    F_ROW_B,
    F_SLOT,  # owner core * 16 + memory, 0 for GM
    F_PIPE_A,
    F_PIPE_B,
    F_START_A,
    F_START_B,
    F_LOW,
    F_HIGH,
    F_COUNT,
    F_LATEST_PIPE,  # the latest access that was found
    F_LATEST_CLOCK,
) = range(13)
FINDING_COLUMNS = 13
FINDINGS = 256

GRANULE_SHIFT = 5
GRANULE = 1 << GRANULE_SHIFT
LEAF_WORDS = 64  # a granule byte by byte: 32 writers, 32 readers
PLACE_COLUMNS = 3  # first granule, slot, address of the marks of undefined bytes (0: none are kept)
(L_SLOT, L_START, L_STOP, L_BYTES, L_LOW, L_HIGH, L_WRITER, L_READER) = range(8)
LOG_COLUMNS = 8
"""A row of the log: bytes of a memory that were live from cycle to cycle, the range they lie in,
the code rows that wrote them and read them last."""

# --- tiles of a memory, see `npuemu.observe.tiles`
TILES, TILE_FIRST, TILE_WORDS, TILE_SHAPE = 6, 2, 10, 6  # shape: base, n1, s1, n0, s0, length
TILE_COLUMNS = TILE_FIRST + TILES * TILE_WORDS
(TILE_HIGH, TILE_WRITTEN, TILE_READ, TILE_VALID) = range(TILE_SHAPE, TILE_WORDS)
TILE_CREDIT, TILE_NEXT = 0, 1
FULL_CREDIT = 64
"""A memory whose tiles are mostly touched in part loses its credit, and keeps no more tiles."""

NAMES = (
    "header",
    "records",
    "written",
    "read",
    "leaves",
    "free",
    "places",
    "tiles",
    "log",
    "clocks",
    "queued",
    "flags",
    "releases",
    "arrivals",
    "carry",
    "findings",
)
AREAS = Areas(NAMES)
_BIG = 1 << 40

header = AREAS.words("header")
record = AREAS.rows("records", RECORD_COLUMNS)
place = AREAS.rows("places", PLACE_COLUMNS)
tiles = AREAS.rows("tiles", TILE_COLUMNS)
log = AREAS.words("log")
free = AREAS.words("free")
clock_words = AREAS.rows("clocks", 1)  # clocks are as long as the launch has pipes
queued_words = AREAS.rows("queued", 1)
flag_words = AREAS.rows("flags", 1)
release_words = AREAS.rows("releases", 1)
arrival_words = AREAS.rows("arrivals", 1)
carry = AREAS.words("carry")
finding = AREAS.rows("findings", FINDING_COLUMNS)
_written, _read = AREAS.address("written", 1), AREAS.address("read", 1)
_leaves = AREAS.address("leaves", 1)


@njit(forceinline=True)
def written(w):
    """Record number of the last writer of each granule (0 none, negative: a leaf), to slice."""
    return view_i32(_written(w, 0), _BIG)


@njit(forceinline=True)
def read(w):
    """Record number of the readers since, to slice."""
    return view_i32(_read(w, 0), _BIG)


@njit(forceinline=True)
def leaf(w, number):
    """The 64 words of a leaf."""
    return view_i32(_leaves(w, 0) + number * (4 * LEAF_WORDS), LEAF_WORDS)
