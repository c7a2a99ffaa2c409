"""`npuemu explain`: what a diagnostic means, why it is a fault, and how it is repaired."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from npuemu.cli import completion
from npuemu.errors import UserError


def explain(
    codes: Annotated[
        list[str],
        typer.Argument(
            metavar="[CODE]...",
            help="Codes of diagnostics; without any, list all.",
            autocompletion=completion.code,
        ),
    ] = [],  # noqa: B006
) -> int:
    """Explain diagnostics, or list them all."""
    from npuemu import pages
    from npuemu.report import explain as report
    from npuemu.report.terminal import style_for

    wanted = [code.upper() for code in codes]
    for given, code in zip(codes, wanted, strict=True):
        if code not in pages.codes():
            near = ", ".join(report.nearest(given))
            raise UserError(f"there is no diagnostic '{given}'; the nearest: {near}")
    style = style_for(sys.stdout)
    texts = [report.explained(code, style) for code in wanted] or [report.overview(style)]
    sys.stdout.write("\n".join(texts))
    return 0
