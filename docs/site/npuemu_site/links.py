"""Links that a repository browser follows and a site must be told of."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

from .sources import LANGUAGES

FOLDERS = {"programs/include": "docs/site/include"}
"""Pages of folders that have no README.md."""

NAVIGATION = {
    "Start": ("README", "docs/getting-started", "docs/profiling", "docs/traces", "docs/html-page"),
    "Tutorial": ("docs/tutorial", "docs/tutorial/README", "docs/tutorial/*"),
    "Reference": (
        "docs/assembly", "isa/README", "docs/timing", "docs/arithmetic", "docs/machine-files",
        "docs/diagnostics", "docs/report-schema",
    ),
    "Kernels": ("docs/site/kernels", "docs/site/include"),
    "Studies": ("docs/models", "docs/reproduce-msd", "docs/reproduce-minilm", "docs/mutation"),
    "Work with it": (
        "docs/testing", "editors/README", "docs/architecture", "CONTRIBUTING", "CHANGELOG",
    ),
    "More": ("docs/*",),
}  # fmt: skip
"""Captions and their pages, each page once; a caption without pages is left out."""

TITLES = {"README": "Overview"}
"""What pages are called in the navigation, where that is not their title."""

CONTENTS = {
    "docs/diagnostics": ("diagnostics/E*", "diagnostics/W*", "diagnostics/A*"),
    "docs/site/kernels": ("programs/*/README",),
    "docs/testing": ("examples/kernel_project/README",),
}
"""Pages and the pages that stand below them in the table of contents."""

BESIDE = {"docs/site/include": "programs/include", "docs/machine-files": "machines"}
"""Pages that list the source files of a folder; a kernel's page lists those of its own."""


def _fitting(app: Sphinx, patterns: tuple[str, ...]) -> list[str]:
    """Pages in the order of the patterns, then of their names."""
    pages = [PurePosixPath(page) for page in sorted(app.env.found_docs)]
    depth = {pattern: pattern.count("/") for pattern in patterns}
    return [
        str(page) for pattern in patterns for page in pages
        if str(page).count("/") == depth[pattern] and page.match(pattern)
    ]  # fmt: skip


def _toctree(pages: list[str], caption: str = "") -> str:
    """A hidden table of contents, or nothing without pages."""
    entries = [f"{TITLES[page]} </{page}>" if page in TITLES else f"/{page}" for page in pages]
    options = [":hidden:", f":caption: {caption}"] if caption else [":hidden:"]
    return "\n".join(["\n\n```{toctree}", *options, "", *entries, "```\n"]) if pages else ""


def contents(app: Sphinx, docname: str, source: list[str]) -> None:
    """Append hidden tables of contents to the landing page and to the pages of `CONTENTS`."""
    listed: set[str] = set()
    for caption, patterns in NAVIGATION.items() if docname == app.config.root_doc else ():
        found = [page for page in dict.fromkeys(_fitting(app, patterns)) if page not in listed]
        source[0] += _toctree(found, caption)
        listed.update(found)
    source[0] += _toctree(_fitting(app, CONTENTS.get(docname, ())))


def changed(app: Sphinx, env: object, added: set[str], *others: set[str]) -> list[str]:
    """Pages with tables of contents are read again when there is a new page."""
    return [app.config.root_doc, *CONTENTS] if added else []


def _to(node: addnodes.pending_xref, page: str) -> None:
    node["refdomain"], node["reftype"], node["reftarget"] = "std", "doc", f"/{page}"
    node["refexplicit"] = node["refwarn"] = True


def folders(app: Sphinx, doctree: nodes.document) -> None:
    """Links to folders become links to their pages."""
    here = PurePosixPath(app.env.docname).parent
    for node in doctree.findall(addnodes.pending_xref):
        target = node["reftarget"]
        path = Path(app.srcdir, here, target)
        if node.get("reftype") == "myst" and "#" not in target and path.is_dir():
            place = path.resolve().relative_to(Path(app.srcdir).resolve()).as_posix()
            _to(node, FOLDERS.get(place, f"{place}/README"))


def _first_sentence(path: Path) -> str:
    """What a source text says of itself first: of its leading comment, or of its docstring."""
    said = []
    for line in path.read_text(encoding="utf-8").splitlines():
        words = line.strip().strip('"').lstrip(";#").strip()
        if not words or not line.startswith((*';#"', *("" if not said else " "))):
            break
        said.append(words)
    sentence = " ".join(said).removeprefix(f"{path.parent.name}: ")
    return re.split(r"(?<=[a-z)\]])\.(?: |$)", sentence)[0].rstrip(":.")


def _link(app: Sphinx, page: str, document: str) -> addnodes.pending_xref:
    """A link to a source page, by its file's name."""
    name = Path(app.env.doc2path(page)).name
    link = addnodes.pending_xref("", nodes.literal("", name), refdoc=document)
    _to(link, page)
    return link


def _sources(app: Sphinx, folder: str) -> list[str]:
    """Source pages of a folder."""
    inside = (page for page in app.env.found_docs if str(PurePosixPath(page).parent) == folder)
    order = list(LANGUAGES)
    found = [
        (path, page) for page in inside if (path := Path(app.env.doc2path(page))).suffix in order
    ]
    return [page for path, page in sorted(found, key=lambda f: (order.index(f[0].suffix), f[1]))]


def beside(app: Sphinx, doctree: nodes.document) -> None:
    """A kernel's page names its files on top; pages of `BESIDE` list theirs at the end."""
    document = app.env.docname
    here = PurePosixPath(document)
    section = next(doctree.findall(nodes.section))
    if here.parts[0] == "programs" and here.name == "README":
        line = nodes.paragraph("", "", classes=["files"])
        for page in _sources(app, str(here.parent)):
            line += nodes.Text(" · " if line.children else "")
            line += _link(app, page, document)
        section.insert(1, line)
    elif document in BESIDE:
        entries = nodes.bullet_list()
        for page in _sources(app, BESIDE[document]):
            said = _first_sentence(Path(app.env.doc2path(page)))
            line = nodes.paragraph("", "", _link(app, page, document))
            line += nodes.Text(f": {said}" if said else "")
            entries += nodes.list_item("", line)
        section += entries
