"""Colours of code on light and on dark pages; synchronisation stands out from all else."""

from __future__ import annotations

from pygments.style import Style
from pygments.token import (
    Comment,
    Error,
    Generic,
    Keyword,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
    Text,
    _TokenType,
)


def _styles(
    text: str, quiet: str, word: str, flag: str, plain: str, pipe: str, call: str, place: str,
    kind: str, value: str, fault: str,
) -> dict[_TokenType, str]:  # fmt: skip
    """The style of every token type from a few colours."""
    return {
        Text: text, Name: text, Operator: quiet, Punctuation: quiet, Error: fault,
        Comment: f"italic {quiet}",
        Keyword: f"bold {word}", Keyword.Reserved: f"bold {flag}",
        Keyword.Namespace: f"nobold {word}", Keyword.Pseudo: f"nobold {plain}",
        Keyword.Type: f"nobold {kind}", Keyword.Constant: f"nobold {value}",
        Name.Builtin: call, Name.Builtin.Pseudo: pipe, Name.Function: call, Name.Class: call,
        Name.Decorator: word, Name.Label: f"bold {place}", Name.Tag: word, Name.Attribute: plain,
        Name.Constant: value, Name.Variable: plain, Name.Variable.Instance: text,
        Number: value, String: kind, String.Interpol: value, String.Escape: value,
        Generic.Prompt: quiet, Generic.Strong: f"bold {text}", Generic.Heading: f"bold {word}",
        Generic.Error: f"bold {fault}", Generic.Deleted: value, Generic.Inserted: kind,
        Generic.Subheading: pipe,
    }  # fmt: skip


class Light(Style):
    """On light pages."""

    background_color = "#f5f7f9"
    styles = _styles(
        text="#1f2933", quiet="#5b6774", word="#5b3cc4", flag="#c2185b", plain="#3b5573",
        pipe="#00695c", call="#1a5fb4", place="#9a4400", kind="#2c6a2e", value="#8a4b00",
        fault="#b3261e",
    )  # fmt: skip


class Dark(Style):
    """On dark pages."""

    background_color = "#161b21"
    styles = _styles(
        text="#d7dee7", quiet="#8d99a8", word="#b7a1ff", flag="#ff7eb6", plain="#a9c1dd",
        pipe="#4fd6c0", call="#7db7ff", place="#ffb26b", kind="#93d493", value="#f0b072",
        fault="#ff8a80",
    )  # fmt: skip
