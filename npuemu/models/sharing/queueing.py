"""Blocks that queue for what all of them share."""

from __future__ import annotations

from collections.abc import Sequence


def slower(count: int, use: Sequence[float]) -> float:
    """How much longer each of ``count`` equal blocks takes than alone, where it needs each shared
    server for the share ``use`` of its time alone.

    Mean value analysis of the closed queue, one more block at a time: who comes to a server waits
    for those whom the others, without it, would have waiting there on average. Tends to 1 with
    little use, and to ``count * max(use)`` where a server is the bottleneck.
    """
    own = max(0.0, 1.0 - sum(use))
    queue, rate = [0.0] * len(use), 1.0
    for n in range(1, count + 1):
        stay = [share * (1.0 + waiting) for share, waiting in zip(use, queue, strict=True)]
        rate = n / (own + sum(stay))
        queue = [rate * time for time in stay]
    return count / rate
