"""The site: the repository's own pages, where they lie, under the paths that they have.

`make docs` builds it into `build/site`; the source folder is the root of the repository.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from npuemu import __version__  # noqa: E402

project = "npuemu"
version = release = __version__
root_doc = "docs/site/index"
extensions = ["myst_parser", "npuemu_site"]

include_patterns = [
    "*.md", "docs/*.md", "docs/site/*.md", "docs/tutorial/**.md", "docs/tutorial/**.npu",
    "isa/README.md", "diagnostics/[A-Z]*.md", "editors/README.md",
    "examples/kernel_project/README.md", "examples/*.py", "machines/*.toml",
    "programs/*/README.md", "programs/*/kernel.npu", "programs/*/golden.py", "programs/**.inc",
]  # fmt: skip
exclude_patterns = [
    ".*",
    "build",
    "dist",
    "tests",
    "npuemu",
    "demo",
    "benchmarks",
    "**/__pycache__",
]

myst_heading_anchors = 6
# Blocks may leave lines out.
suppress_warnings = ["misc.highlighting_failure"]
highlight_language = "none"
smartquotes = False

html_theme = "furo"
html_title = "npuemu"
html_logo = "static/logo.svg"
html_favicon = "static/logo.svg"
pygments_style = "npuemu_site.style.Light"
pygments_dark_style = "npuemu_site.style.Dark"
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#0f766e",
        "color-brand-content": "#0f766e",
        "color-brand-visited": "#0f766e",
        "color-link--visited": "#0f766e",
    },
    "dark_css_variables": {
        "color-brand-primary": "#4fd6c0",
        "color-brand-content": "#4fd6c0",
        "color-brand-visited": "#4fd6c0",
        "color-link--visited": "#4fd6c0",
    },
}
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_copyright = False
html_use_index = False
html_last_updated_fmt = None
