"""Write, or check, the page that documents the report: `docs/report-schema.md`."""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from npuemu.report import comparison, json_schema
from npuemu.report.page import write_or_check

_HEAD = f"""# The report

`npuemu run KERNEL --report FILE.json` (or `-` for standard output) writes one JSON object, and
`run.report` in Python is the same as a dictionary. Its first key names its version,
`{json_schema.SCHEMA}`; a change that could break a reader gets a new name.

Cycles are cycles of the machine's core clock; sizes are bytes. For every pipe of every core
`busy + sum(stalls) + idle = cycles`. Lines and waits are summed over the cores of a kind: for every
pipe the busy cycles of its lines are those of the cores, and for every cause the stalls of its
lines, and the cycles of its waits, are those of the cores. A report whose cycles do not add up is
refused.

This page is generated from `npuemu/report/json_schema.py` and `comparison.py`; `make docs` writes
it.
"""
_DIFF = f"""
# The comparison of two runs

`npuemu diff A B --json FILE.json` (or `-`) writes one JSON object of schema
`{comparison.SCHEMA}`. Cycles of pipes, lines and waits are means over the cores that have work for
the pipe: for each pipe the changes of its busy cycles, stalls and idle cycles sum to the change of
the run's cycles.
"""


def _type_name(schema: dict[str, Any]) -> str:
    """A short name for a JSON-schema type: `integer`, `list of Core`, `map to Pipe`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "allOf" in schema or "anyOf" in schema:
        return _type_name((schema.get("allOf") or schema["anyOf"])[0])
    kind = schema.get("type")
    if kind == "array":
        return f"list of {_type_name(schema['items'])}"
    if kind == "object":
        return f"map to {_type_name(schema['additionalProperties'])}"
    return str(kind)


def _parts(parts: tuple[type[msgspec.Struct], ...]) -> str:
    """A table of keys for every part."""
    _, components = msgspec.json.schema_components(parts, ref_template="#/$defs/{name}")
    text = ""
    for part in parts:
        schema = components[part.__name__]
        text += f"\n## {part.__name__}\n\n{schema['description']}\n"
        text += "\n| key | type | meaning |\n|---|---|---|\n"
        for key, value in schema["properties"].items():
            text += f"| `{key}` | {_type_name(value)} | {value.get('description', '')} |\n"
    return text


def page() -> str:
    """The whole page as Markdown text."""
    return _HEAD + _parts(json_schema.PARTS) + _DIFF + _parts(comparison.PARTS)


def main(arguments: list[str]) -> int:
    """`[--check] FILE`: write the page, or say whether the file is the page."""
    return write_or_check(arguments, page(), "the schema says")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
