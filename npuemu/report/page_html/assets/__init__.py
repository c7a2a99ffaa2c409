"""Style, script and fixed parts of the page; script files are read in the order of their names."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def read(name: str) -> str:
    """The text of a file of this folder."""
    return (files(__package__) / name).read_text(encoding="utf-8")


@cache
def style() -> str:
    """The style sheet: light, dark where the system or the page's button says so, then the rest."""
    dark = read("dark.css")
    by_system = dark.replace(":root", ':root:not([data-scheme="light"])')
    by_button = dark.replace(":root", ':root[data-scheme="dark"]')
    by_system = f"@media (prefers-color-scheme: dark) {{\n{by_system}}}\n"
    return "\n".join([read("light.css"), by_system, by_button, read("page.css")])


@cache
def script() -> str:
    """All script files as one closure; they share its scope, and nothing else is global."""
    parts = sorted(p.name for p in files(__package__).iterdir() if p.name.endswith(".js"))
    body = "\n".join(read(name) for name in parts)
    return f'(() => {{\n"use strict";\n{body}\n}})();\n'
