"""What every pipe knows to be complete: happens-before as vectors of counts.

A pipe's own accesses are counted. A pipe knows, of every other pipe, how many accesses are complete
whatever the timing: `set_flag` hands its pipe's knowledge to the flag, `wait_flag` adds the flag's
to its own pipe's, a barrier adds the pipe's own count. The scalar unit's knowledge travels with
what it dispatches. Core groups know nothing of each other until a die-wide flag joins them; until
then only the part of the own group is moved.
"""

from __future__ import annotations

from npuemu.jit import njit
from npuemu.observe import areas as area
from npuemu.observe.areas import (
    CORE_PIPES,
    GROUP_PIPES,
    H_STRIDE,
    H_WIDE,
    H_WIDTH,
    V_COUNT,
    V_KNOWN,
    V_TAKEN,
    V_TAKER,
    V_VERSION,
)


@njit(forceinline=True)
def clock(w, x):
    """Pointer to what pipe ``x`` knows."""
    return area.clock_words(w, x * area.header(w)[H_STRIDE])


@njit(forceinline=True)
def queued(w, index):
    """Pointer to what the scalar unit knew when it filled a queue slot."""
    return area.queued_words(w, index * area.header(w)[H_STRIDE])


@njit(forceinline=True)
def flag(w, index):
    """Pointer to what a flag carries."""
    return area.flag_words(w, index * area.header(w)[H_STRIDE])


@njit(forceinline=True)
def release(w, index):
    """Pointer to what a count of a cross-core counter carries."""
    return area.release_words(w, index * area.header(w)[H_STRIDE])


@njit(forceinline=True)
def arrival(w, index):
    """Pointer to what an arrival at a gathered flag carries."""
    return area.arrival_words(w, index * area.header(w)[H_STRIDE])


@njit(forceinline=True)
def carry(w):
    """Pointer to what the cross-core flag in hand carries."""
    return area.carry(w)


@njit(forceinline=True)
def span(w, x):
    """First and last + 1 word of the knowledge that matters to pipe ``x``."""
    header = area.header(w)
    if header[H_WIDE] == 1:
        return V_KNOWN, V_KNOWN + header[H_WIDTH]
    first = V_KNOWN + x // GROUP_PIPES * GROUP_PIPES
    return first, first + GROUP_PIPES


@njit
def join(w, x, known, more):
    """Add knowledge ``more`` to ``known``, both of pipes in the group of ``x``."""
    first, last = span(w, x)
    for i in range(first, last):
        known[i] = max(known[i], more[i])


@njit
def copy(w, x, source, target):
    """Copy knowledge between clocks of the group of ``x``."""
    first, last = span(w, x)
    for i in range(first, last):
        target[i] = source[i]


@njit
def hand_over(w, x, target):
    """Write what holds once everything ahead on pipe ``x`` is complete to the clock ``target``."""
    known = clock(w, x)
    copy(w, x, known, target)
    target[V_KNOWN + x] = known[V_COUNT]


@njit(forceinline=True)
def complete(w, x):
    """Pipe ``x`` knows that all its own accesses are complete: a barrier."""
    known = clock(w, x)
    known[V_KNOWN + x] = known[V_COUNT]


@njit
def learn(w, x, more):
    """Pipe ``x`` has waited for something that knew ``more``."""
    known = clock(w, x)
    join(w, x, known, more)
    if x % CORE_PIPES == 0:
        known[V_VERSION] += 1  # the scalar unit will hand it on


@njit
def take(w, x, index, row):
    """Pipe ``x`` has waited for flag ``index`` (with code row ``row``), which is down again."""
    known, taken = clock(w, x), flag(w, index)
    known[V_COUNT] += 1
    taken[V_TAKEN], taken[V_TAKER] = known[V_COUNT], row
    learn(w, x, taken)


@njit
def drain(w, scalar):
    """The scalar unit (pipe number ``scalar``) has waited for all pipes of its core."""
    known = clock(w, scalar)
    for x in range(scalar + 1, scalar + CORE_PIPES):
        complete(w, x)
        join(w, x, known, clock(w, x))
    known[V_VERSION] += 1


@njit(forceinline=True)
def dispatched(w, scalar, x, index):
    """An instruction enters slot ``index`` of the queue of pipe ``x``; 1 when the scalar unit knows
    something that it has not yet told this pipe: it is kept with the slot.
    """
    known, pipe = clock(w, scalar), clock(w, x)
    if pipe[V_VERSION] == known[V_VERSION]:
        return 0
    pipe[V_VERSION] = known[V_VERSION]
    hand_over(w, scalar, queued(w, index))
    return 1


# --- cross-core flags


@njit
def widen(w):
    """From here on core groups may know of each other."""
    area.header(w)[H_WIDE] = 1


@njit
def empty_carry(w):
    """Nothing is known yet of what the flag in hand will carry."""
    words = carry(w)
    for i in range(V_KNOWN, V_KNOWN + area.header(w)[H_WIDTH]):
        words[i] = 0


@njit
def carry_arrival(w, row, count):
    """Take the first of ``count`` arrivals in line ``row`` into what the flag in hand carries."""
    width, words = area.header(w)[H_WIDTH], carry(w)
    first = arrival(w, row * 16)
    for i in range(V_KNOWN, V_KNOWN + width):
        words[i] = max(words[i], first[i])
    for at in range(count - 1):
        later, earlier = arrival(w, row * 16 + at + 1), arrival(w, row * 16 + at)
        for i in range(V_KNOWN, V_KNOWN + width):
            earlier[i] = later[i]


@njit
def insert_release(w, x, row, at, count):
    """Put what the flag in hand carries at place ``at`` of a counter's line of ``count``."""
    for i in range(count, at, -1):
        copy(w, x, release(w, row * 16 + i - 1), release(w, row * 16 + i))
    copy(w, x, carry(w), release(w, row * 16 + at))


@njit
def learn_release(w, x, row, count):
    """Pipe ``x`` takes the first of ``count`` releases in line ``row``."""
    learn(w, x, release(w, row * 16))
    for i in range(count - 1):
        copy(w, x, release(w, row * 16 + i + 1), release(w, row * 16 + i))
