"""What the site needs besides Sphinx: pages stay where they are and stay plain Markdown.

- Kernels, include files, golden definitions and machine files are pages of their own (`sources`).
- A link to a folder leads to its page, and pages list what lies beside them (`links`).
- The landing page is `index.html`; every other page has the path that it has in the repository.
- The navigation is computed once, not once a page (`navigation`).
- Kernels and what the command prints are coloured (`console`, and the package's own lexer).
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder

from npuemu.report.pygments_lexer import NpuLexer

from . import links, navigation, sources
from .console import ConsoleLexer, MessageLexer


class Site(StandaloneHTMLBuilder):
    """HTML with the landing page at the top."""

    name = "site"

    def get_target_uri(self, docname: str, typ: str | None = None) -> str:
        """Where a page is."""
        return super().get_target_uri("index" if docname == self.config.root_doc else docname, typ)

    def get_output_path(self, page_name: str, /) -> Any:
        """The file of a page."""
        return super().get_output_path("index" if page_name == self.config.root_doc else page_name)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register all of it."""
    sources.setup(app)
    app.add_builder(Site)
    app.add_lexer("npu", NpuLexer)
    app.add_lexer("console", ConsoleLexer)
    app.add_lexer("text", MessageLexer)
    app.connect("env-get-outdated", links.changed)
    app.connect("source-read", links.contents)
    app.connect("doctree-read", links.folders)
    app.connect("doctree-read", links.beside)
    app.connect("html-page-context", navigation.before, priority=100)
    app.connect("html-page-context", navigation.after, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
