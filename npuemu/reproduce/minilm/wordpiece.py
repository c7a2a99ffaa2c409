"""WordPiece tokenisation of uncased BERT models: a vocabulary and greedy longest match."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

UNKNOWN, FIRST, LAST = "[UNK]", "[CLS]", "[SEP]"
_LONGEST_WORD = 100
_CJK = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B81F),
    (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip


class Tokenizer:
    """Text -> tokens of a vocabulary file with one token a line, the line number its id."""

    def __init__(self, vocabulary: Path) -> None:
        lines = vocabulary.read_text(encoding="utf-8").splitlines()
        self.ids = {token: number for number, token in enumerate(lines)}

    def encode(self, text: str, longest: int = 512) -> tuple[list[str], list[int]]:
        """Tokens and their ids, [CLS] and [SEP] around them, cut to `longest` in all."""
        inner = [piece for word in words(text) for piece in self.pieces(word)]
        tokens = [FIRST, *inner[: longest - 2], LAST]
        return tokens, [self.ids[token] for token in tokens]

    def pieces(self, word: str) -> list[str]:
        """The longest known prefix, then the longest known continuation (##...), and so on."""
        found: list[str] = []
        start = 0
        while start < len(word) <= _LONGEST_WORD:
            mark = "##" if start else ""
            for end in range(len(word), start, -1):
                if mark + word[start:end] in self.ids:
                    found.append(mark + word[start:end])
                    start = end
                    break
            else:
                return [UNKNOWN]
        return found or [UNKNOWN]


def words(text: str) -> Iterator[str]:
    """Lower-case words without accents; every punctuation mark and CJK sign is one by itself."""
    # One letter at a time: lower() of a whole word would write a final sigma differently.
    plain = "".join(char.lower() for char in unicodedata.normalize("NFD", _clean(text)))
    word = ""
    for char in plain:
        if unicodedata.category(char) == "Mn":
            continue
        alone = _is_punctuation(char) or _is_cjk(char)
        if (alone or char.isspace()) and word:
            yield word
            word = ""
        if alone:
            yield char
        elif not char.isspace():
            word += char
    if word:
        yield word


def _clean(text: str) -> str:
    """Without control characters; every kind of space becomes one."""
    kept = []
    for char in text:
        category = unicodedata.category(char)
        if char in "\t\n\r" or category == "Zs":
            kept.append(" ")
        elif char not in "\0\ufffd" and not category.startswith("C"):
            kept.append(char)
    return "".join(kept)


def _is_punctuation(char: str) -> bool:
    """Unicode punctuation, and all ASCII signs that are neither letter, digit nor space."""
    ascii_sign = char.isascii() and char.isprintable() and not char.isalnum() and char != " "
    return ascii_sign or unicodedata.category(char).startswith("P")


def _is_cjk(char: str) -> bool:
    return any(low <= ord(char) <= high for low, high in _CJK)
