"""How close each scheme stays to the float32 sentence vectors, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from npuemu.reproduce.minilm.emulated import Bill, EmulatedBackend, Scheme
from npuemu.reproduce.minilm.model import Model
from npuemu.reproduce.minilm.wordpiece import Tokenizer

Array = np.ndarray[Any, np.dtype[Any]]
IN_NUMPY = (
    "tokens, embeddings, biases, residuals, layer normalisation, GELU, pooling",
    "rounding of activations to bf16, quantisation of weights and of the cache",
)
"""What does not run on the emulated machine."""


def sentences(count: int | None = None) -> list[str]:
    """The bundled sentences, of 1 to more than 20 words; ``count`` of them, spread over all
    lengths.
    """
    text = (Path(__file__).parent / "sentences.txt").read_text(encoding="utf-8")
    found = text.splitlines()
    if count is None or count >= len(found):
        return found
    places = np.linspace(0, len(found) - 1, count).round().astype(int)
    return [found[i] for i in places]


@dataclass(frozen=True)
class Result:
    """One scheme: cosine similarity to the float32 vector of every sentence, and its bills."""

    scheme: Scheme
    cosine: Array
    linear: Bill
    attention: Bill

    @property
    def cycles(self) -> int:
        """Of all launches, one after the other."""
        return self.linear.cycles + self.attention.cycles

    @property
    def gm_bytes(self) -> int:
        """Read and written."""
        parts = (self.linear, self.attention)
        return sum(part.gm_read + part.gm_written for part in parts)


def run_scheme(
    model: Model,
    tokens: list[list[int]],
    exact: Array,
    scheme: Scheme,
    *,
    machine: str = "ascend950pr",
    blocks: int = 32,
    advance: Callable[[str], None] = lambda _: None,
) -> Result:
    """Encode ``tokens`` with one scheme; ``exact``: the float32 vectors [sentences, hidden]."""
    backend = EmulatedBackend(scheme, machine, blocks, advance)
    found = model.encode(backend, tokens).astype(np.float64)
    cosine = np.sum(found * exact.astype(np.float64), axis=1)
    cosine /= np.linalg.norm(found, axis=1) * np.linalg.norm(exact.astype(np.float64), axis=1)
    return Result(scheme, cosine, backend.linear_bill, backend.attention_bill)


def launches(model: Model) -> int:
    """Launches of one scheme: six linear layers and one attention a layer."""
    return 7 * model.layers


def tokenize(folder: Path, texts: Iterable[str]) -> list[list[int]]:
    """Token ids of each text, with the vocabulary of the model's folder; at most 256 each."""
    tokenizer = Tokenizer(folder / "vocab.txt")
    return [tokenizer.encode(text, longest=256)[1] for text in texts]
