"""Source files as pages: the path, then the text in colour."""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.parsers import Parser

LANGUAGES = {".npu": "npu", ".inc": "npu", ".toml": "toml", ".py": "python"}
"""Suffixes of source pages and their languages."""


class SourceParser(Parser):
    """Makes a page of a source file. It stands in no table of contents and in no search."""

    supported = ("source",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """Fill the document."""
        path = Path(document["source"])
        place = path.relative_to(document.settings.env.srcdir).as_posix()
        facts = nodes.docinfo()
        for name in ("orphan", "nosearch"):
            field = nodes.field("", nodes.field_name("", name), nodes.field_body())
            facts += field
        title = nodes.title("", "", nodes.literal("", place))
        section = nodes.section("", title, ids=["text"], classes=["source"])
        block = nodes.literal_block(inputstring, inputstring, language=LANGUAGES[path.suffix])
        block["linenos"] = True
        section += block
        document += [facts, section]


def setup(app: Sphinx) -> None:
    """Register the parser for all suffixes."""
    for suffix in LANGUAGES:
        app.add_source_suffix(suffix, "source")
    app.add_source_parser(SourceParser)
