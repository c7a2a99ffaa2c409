"""Commands, what npuemu prints and its messages, in colour."""

from __future__ import annotations

from pygments.lexer import RegexLexer, bygroups
from pygments.token import Comment, Generic, Keyword, Name, Text

MESSAGES = [
    (r"error\[[A-Z]\d+\]:?", Generic.Error),
    (r"warning\[[A-Z]\d+\]:?", Generic.Deleted),
    (r"^ *(?:= )?(?:note|help|expected):|(?<=\d: )(?:note|help):", Keyword),
    (r"^[\w./-]+:\d+:\d+:?|(?<=--> )\S+", Name.Tag),
]
REST = [(r"\w+|[^\S\n]+|.|\n", Text)]


class MessageLexer(RegexLexer):
    """Blocks of `text`: diagnostics stand out, all else is plain."""

    name = "npuemu messages"
    tokens = {"root": [*MESSAGES, *REST]}


class ConsoleLexer(RegexLexer):
    """Blocks of `console`: commands behind `$`, their output, `...` for lines left out."""

    name = "npuemu console"
    tokens = {
        "root": [
            (
                r"^(\$ )(.*?)( {2,}#.*)?(\n)",
                bygroups(Generic.Prompt, Generic.Strong, Comment, Text),
            ),
            (r"^\.\.\.\n", Comment),
            *MESSAGES,
            (r"\bclean\b|^ok\b", Generic.Inserted),
            (r"^(?:pipes|buffers|work|diagnostics|global memory traffic.*)$", Generic.Heading),
            (r"^[- ]*---[- ]*\n", Comment),
            (r"#{2,}\.*|#?\.{8,}", Generic.Subheading),
            *REST,
        ]
    }
