"""Who wrote each byte last, and who has read it since.

Memory is kept in granules of 32 bytes, two record numbers each; a granule that is touched in part
becomes a *leaf* with two numbers a byte, until an instruction writes all of it. An access walks
runs of equal numbers: usually there is one.
"""

from __future__ import annotations

from npuemu.jit import njit, view_u8
from npuemu.observe import areas as area
from npuemu.observe.areas import (
    GRANULE,
    GRANULE_SHIFT,
    H_CACHE_FROM,
    H_CACHE_TO,
    H_CARRIES,
    H_CHAIN,
    H_CHECK,
    H_CLOSELY,
    H_FREE,
    H_IN_PLACE,
    H_NEXT,
    H_SEEN,
    H_UNDEFINED,
    L_BYTES,
    L_HIGH,
    L_LOW,
    L_READER,
    L_SLOT,
    L_START,
    L_STOP,
    L_WRITER,
    LOG_COLUMNS,
    R_CLOCK,
    R_END,
    R_LAST,
    R_PIPE,
    R_PREVIOUS,
    R_ROW,
    R_STATE,
    READER,
    RECORD_COLUMNS,
    TAINTED,
    USED,
)
from npuemu.observe.order import (
    NEVER_WRITTEN,
    READ_AFTER_WRITE,
    WRITE_AFTER_READ,
    WRITE_AFTER_WRITE,
    find,
    ordered,
    race,
)


@njit(forceinline=True)
def emit(w, slot, writer, readers, size, low, high):
    """Log ``size`` bytes within ``low .. high``, live from the end of ``writer`` to that of the
    last of ``readers``; joins the previous row when it is of the same two.
    """
    log, a, b = area.log(w), area.record(w, writer), area.record(w, readers)
    n, start, stop, row, reader = log[0], a[R_END], b[R_LAST], a[R_ROW], b[R_ROW]
    at = n * LOG_COLUMNS
    if n > 0 and log[at + L_SLOT] == slot and log[at + L_START] == start:
        if log[at + L_STOP] == stop and log[at + L_WRITER] == row and log[at + L_READER] == reader:
            log[at + L_BYTES] += size
            log[at + L_LOW] = min(log[at + L_LOW], low)
            log[at + L_HIGH] = max(log[at + L_HIGH], high)
            return
    at += LOG_COLUMNS
    log[at + L_SLOT], log[at + L_START], log[at + L_STOP] = slot, start, stop
    log[at + L_BYTES], log[at + L_LOW], log[at + L_HIGH] = size, low, high
    log[at + L_WRITER], log[at + L_READER] = row, reader
    log[0] = n + 1


@njit(signature="int64(int64, int64, int64)")
def _link(w, reader, previous):
    """A new link of readers: ``reader``, and before it the chain ``previous``."""
    header = area.header(w)
    number = header[H_NEXT]
    header[H_NEXT] = number + 1
    new, source = area.record(w, number), area.record(w, reader)
    for i in range(RECORD_COLUMNS):
        new[i] = source[i]
    new[R_PREVIOUS], new[R_STATE] = previous, READER
    if previous > 0:
        new[R_LAST] = max(new[R_LAST], area.record(w, previous)[R_LAST])
    return number


@njit(signature="int64(int64, int64, int64)")
def _own_reader(w, readers, current):
    """The latest of ``readers`` in the pipe of ``current`` that nothing orders before it, if
    ``current`` may go on to overwrite what it reads: that races with the reader. 0 for none.
    """
    found, number = 0, readers if area.header(w)[H_IN_PLACE] == 1 else 0
    while number > 0:
        r = area.record(w, number)
        if r[R_PIPE] == area.record(w, current)[R_PIPE] and not ordered(w, number, current):
            if found == 0 or r[R_CLOCK] > area.record(w, found)[R_CLOCK]:
                found = number
        number = r[R_PREVIOUS]
    return found


@njit
def _is_needed(w, number, current, own):
    """Whether reader ``number`` must be remembered beside ``current``, see `_link_readers`."""
    if area.record(w, number)[R_PIPE] == area.record(w, current)[R_PIPE]:
        return number == own
    return not ordered(w, number, current)


@njit(signature="int64(int64, int64, int64)")
def _link_readers(w, readers, current):
    """The chain of ``readers`` without those that ``current`` makes unnecessary, and ``current``.

    Who is ordered before ``current``, or stands before it in its own pipe, is: whoever is ordered
    after ``current`` is then ordered after them as well. ``current`` itself is not ordered after
    the latter, so one that writes in place keeps the latest of them.
    """
    own, last = _own_reader(w, readers, current), area.record(w, readers)[R_LAST]
    kept, length, dropped = 0, 1, False
    number = readers
    while number > 0:
        if _is_needed(w, number, current, own):
            length += 1
        else:
            dropped = True
        number = area.record(w, number)[R_PREVIOUS]
    if not dropped:
        kept = readers
    elif length > 1:
        number = readers
        while number > 0:
            if _is_needed(w, number, current, own):
                kept = _link(w, number, kept)
            number = area.record(w, number)[R_PREVIOUS]
    header = area.header(w)
    header[H_CHAIN] = max(header[H_CHAIN], length)
    if kept == 0 and last <= area.record(w, current)[R_END]:
        return current
    new = _link(w, current, kept)
    area.record(w, new)[R_LAST] = max(area.record(w, new)[R_LAST], last)
    return new


@njit(signature="int64(int64, int64, int64)")
def readers_with(w, readers, current):
    """Record number that stands for ``readers`` and ``current``."""
    if readers == 0 or readers == current:
        return current
    header = area.header(w)
    if header[H_CACHE_FROM] == readers or header[H_CACHE_TO] == readers:
        return header[H_CACHE_TO]
    a, b = area.record(w, readers), area.record(w, current)
    if a[R_PIPE] == b[R_PIPE] and a[R_CLOCK] == b[R_CLOCK]:
        return readers
    header[H_CACHE_FROM] = readers
    header[H_CACHE_TO] = _link_readers(w, readers, current)
    return header[H_CACHE_TO]


@njit(signature="void(int64, int64, int64, int64, int64, int64, int64)")
def _undefined(w, slot, low, high, writer, marks, current):
    """Bytes ``low .. high`` that ``current`` reads may be undefined: nothing wrote them, or what
    was written there carries marks. An instruction that carries bytes along carries the marks;
    for any other that is an error.
    """
    header = area.header(w)
    if header[H_CHECK] == 0:
        return
    if writer > 0:
        if marks == 0:
            return
        bytes_ = view_u8(marks + low, high - low)
        first, last = -1, 0
        for i in range(bytes_.size):
            if bytes_[i] != 0:
                last = i
                if first < 0:
                    first = i
        if first < 0:
            return
        low, high = low + first, low + last + 1
    if header[H_CARRIES] == 1:
        header[H_UNDEFINED] = 1
    else:
        find(w, NEVER_WRITTEN, slot, low, high, 0, current)


@njit(signature=f"int64({', '.join(['int64'] * 10)})")
def touch(w, slot, low, high, size, writer, readers, marks, write, current):
    """``current`` reads or writes a run of ``size`` bytes within ``low .. high`` that have one
    writer and one chain of readers. Returns the new number of the readers.
    """
    header = area.header(w)
    check = header[H_CHECK] == 1
    if write == 0:
        if writer == header[H_SEEN] or writer == current:
            pass
        elif writer == 0:
            _undefined(w, slot, low, high, 0, 0, current)
        else:
            a = area.record(w, writer)
            in_order = not check or ordered(w, writer, current)
            if not in_order:
                race(w, READ_AFTER_WRITE, slot, low, high, writer, current)
            if a[R_STATE] & TAINTED:
                _undefined(w, slot, low, high, writer, marks, current)
            elif in_order:
                header[H_SEEN] = writer
            a[R_STATE] |= USED
        return readers_with(w, readers, current)
    if writer > 0 and writer != current:
        if check and not ordered(w, writer, current):
            race(w, WRITE_AFTER_WRITE, slot, low, high, writer, current)
        if readers > 0 and slot > 0:
            emit(w, slot, writer, readers, size, low, high)
    if check:
        number = readers
        while number > 0:
            if not ordered(w, number, current):
                race(w, WRITE_AFTER_READ, slot, low, high, number, current)
            number = area.record(w, number)[R_PREVIOUS]
    return 0


@njit
def _leaf_of(w, granule):
    """The leaf of a granule, made if there is none."""
    written, read = area.written(w), area.read(w)
    if written[granule] < 0:
        return -written[granule]
    header = area.header(w)
    header[H_FREE] -= 1
    number = area.free(w)[header[H_FREE]]
    words = area.leaf(w, number)
    for i in range(GRANULE):
        words[i] = written[granule]
        words[GRANULE + i] = read[granule]
    written[granule], read[granule] = -number, 0
    return number


@njit(signature=f"void({', '.join(['int64'] * 9)})")
def _touch_leaf(w, slot, number, base, low, high, marks, write, current):
    """Bytes ``low .. high`` of a leaf; ``base``: address of its granule."""
    words, header = area.leaf(w, number), area.header(w)
    i = low
    while i < high:
        writer, readers = words[i], words[GRANULE + i]
        j = i + 1
        while j < high and words[j] == writer and words[GRANULE + j] == readers:
            j += 1
        if write == 0 and writer == header[H_SEEN] and readers == header[H_CACHE_FROM]:
            new = header[H_CACHE_TO]
        else:
            new = touch(w, slot, base + i, base + j, j - i, writer, readers, marks, write, current)
        for b in range(i, j):
            words[GRANULE + b] = new
            if write == 1:
                words[b] = current
        i = j


@njit
def _touch_part(w, slot, first, start, stop, marks, write, current):
    """Bytes ``start .. stop`` of one granule."""
    g = start >> GRANULE_SHIFT
    base = g << GRANULE_SHIFT
    number = _leaf_of(w, first + g)
    _touch_leaf(w, slot, number, base, start - base, stop - base, marks, write, current)


@njit
def uniform(words):
    """Whether all words are equal; a branch-free OR of differences, so that it vectorises."""
    first = words[0]
    difference = words[0] ^ first
    for i in range(words.size):
        difference |= words[i] ^ first
    return difference == 0


@njit
def _read_again(w, written, read, current):
    """Whether granules have one chain of readers that begins with the pipe of ``current``, which
    then has met their writers before; if so they are read by ``current`` as well.

    Once there are marks or findings every access is looked at: it may have findings of its own.
    """
    readers, header = read[0], area.header(w)
    if readers <= 0 or header[H_CLOSELY] == 1 or not uniform(read):
        return False
    if area.record(w, readers)[R_PIPE] != area.record(w, current)[R_PIPE]:
        return False
    least = written[0]
    for i in range(written.size):
        least = min(least, written[i])
    if least <= 0:
        return False
    read[:] = readers_with(w, readers, current)
    return True


@njit
def _touch_granules(w, slot, first, low, high, marks, write, current):
    """Whole granules ``low .. high``."""
    written, read = (
        area.written(w)[first + low : first + high],
        area.read(w)[first + low : first + high],
    )
    if write == 0 and _read_again(w, written, read, current):
        return
    n = written.size
    i = 0
    whole = uniform(written) and uniform(read)
    while i < n:
        writer, readers, at = written[i], read[i], (low + i) << GRANULE_SHIFT
        if writer < 0:
            number = -writer
            _touch_leaf(w, slot, number, at, 0, GRANULE, marks, write, current)
            if write == 1:
                header = area.header(w)
                area.free(w)[header[H_FREE]] = number
                header[H_FREE] += 1
                written[i], read[i] = current, 0
            i += 1
            continue
        j = n if whole else i + 1
        while j < n and written[j] == writer and read[j] == readers:
            j += 1
        size = (j - i) << GRANULE_SHIFT
        new = touch(w, slot, at, at + size, size, writer, readers, marks, write, current)
        if write == 1:
            written[i:j] = current
        read[i:j] = new
        i = j


@njit
def touch_run(w, slot, first, start, stop, marks, write, current):
    """Bytes ``start .. stop`` of the memory whose first granule is ``first``."""
    low, high = (start + GRANULE - 1) >> GRANULE_SHIFT, stop >> GRANULE_SHIFT
    if low > high:
        _touch_part(w, slot, first, start, stop, marks, write, current)
        return
    if start < low << GRANULE_SHIFT:
        _touch_part(w, slot, first, start, low << GRANULE_SHIFT, marks, write, current)
    if low < high:
        _touch_granules(w, slot, first, low, high, marks, write, current)
    if stop > high << GRANULE_SHIFT:
        _touch_part(w, slot, first, high << GRANULE_SHIFT, stop, marks, write, current)


@njit
def mark_run(w, first, start, stop, marks):
    """Bring the marks of bytes ``start .. stop`` up to date: undefined where nothing was written.

    Marks are kept by records whose writes carried some; elsewhere they may be stale.
    """
    bytes_, written = view_u8(marks + start, stop - start), area.written(w)
    for i in range(bytes_.size):
        writer = written[first + ((start + i) >> GRANULE_SHIFT)]
        if writer < 0:
            writer = area.leaf(w, -writer)[(start + i) & (GRANULE - 1)]
        if writer == 0:
            bytes_[i] = 255
        elif area.record(w, writer)[R_STATE] & TAINTED == 0:
            bytes_[i] = 0
