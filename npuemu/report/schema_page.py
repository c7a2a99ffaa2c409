"""Write, or check, the page that documents the report: `docs/report-schema.md`."""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from npuemu.report.json_schema import PARTS, SCHEMA
from npuemu.report.page import write_or_check

_HEAD = f"""# The report

`npuemu run KERNEL --report FILE.json` (or `-` for standard output) writes one JSON object, and
`run.report` in Python is the same as a dictionary. Its first key names its version,
`{SCHEMA}`; a change that could break a reader gets a new name.

Cycles are cycles of the machine's core clock; sizes are bytes. For every pipe of every core
`busy + sum(stalls) + idle = cycles`. Lines and waits are summed over the cores of a kind: for every
pipe the busy cycles of its lines are those of the cores, and for every cause the stalls of its
lines, and the cycles of its waits, are those of the cores. A report whose cycles do not add up is
refused.

This page is generated from `npuemu/report/json_schema.py`; `make docs` writes it.
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


def page() -> str:
    """The whole page as Markdown text."""
    _, components = msgspec.json.schema_components(PARTS, ref_template="#/$defs/{name}")
    parts = [_HEAD]
    for part in PARTS:
        schema = components[part.__name__]
        parts.append(f"\n## {part.__name__}\n\n{schema['description']}\n")
        parts.append("\n| key | type | meaning |\n|---|---|---|\n")
        for key, value in schema["properties"].items():
            parts.append(f"| `{key}` | {_type_name(value)} | {value.get('description', '')} |\n")
    return "".join(parts)


def main(arguments: list[str]) -> int:
    """`[--check] FILE`: write the page, or say whether the file is the page."""
    return write_or_check(arguments, page(), "the schema says")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
