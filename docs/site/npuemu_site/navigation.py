"""The navigation beside every page: one tree, with the page at hand marked.

The theme would resolve and parse the whole tree for each page, which takes longer than all else.
"""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment.adapters.toctree import global_toctree_for_doc

_LINK = re.compile(r'href="(?![#/]|[a-z]+:)')


def _tree(app: Sphinx) -> str:
    """The whole tree with links from the top of the site; made once a build."""
    made: str | None = getattr(app, "npuemu_tree", None)
    if made is None:
        root = app.config.root_doc
        node = global_toctree_for_doc(
            app.env, root, app.builder, tags=app.tags, collapse=False, includehidden=True,
            maxdepth=-1, titles_only=True,
        )  # fmt: skip
        made = app.builder.render_partial(node)["fragment"]  # type: ignore[attr-defined]
        app.npuemu_tree = made  # type: ignore[attr-defined]
    return made


def before(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Hand the theme the tree as seen from the page's folder: it keeps what it has parsed."""
    up = "../" * app.builder.get_target_uri(page).count("/")
    context["toctree"] = lambda **options: _LINK.sub(f'href="{up}', _tree(app))


def _chain(app: Sphinx, page: str) -> list[str]:
    """The page and the pages above it, without the top."""
    parents = {
        child: parent
        for parent, children in app.env.toctree_includes.items()
        for child in children
    }  # fmt: skip
    found = []
    while page in parents:
        found.append(page)
        page = parents[page]
    return found


def after(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Mark the page in the theme's tree, and unfold what is above it."""
    tree: str = context["furo_navigation_tree"]
    for place, name in enumerate(_chain(app, page)):
        uri = app.builder.get_relative_uri(page, name) if place else "#"
        link = app.builder.get_target_uri(name)
        up = "../" * app.builder.get_target_uri(page).count("/")
        classes = "current" if place else "current current-page"
        tree = re.sub(
            rf'<li class="([^"]*)"><a class="reference internal" href="{re.escape(up + link)}">'
            r"([^<]*(?:<(?!input|li|ul)[^<]*)*)(<input (?:[^>]*?)(?=/?>))?",
            lambda found, classes=classes, uri=uri: (
                f'<li class="{found[1]} {classes}">'
                f'<a class="current reference internal" href="{uri}">{found[2]}'
                + (f'{found[3]} checked=""' if found[3] else "")
            ),
            tree,
            count=1,
        )
    context["furo_navigation_tree"] = tree
