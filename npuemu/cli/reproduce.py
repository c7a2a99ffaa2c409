"""`npuemu reproduce`: the claims of a paper beside what is measured here, as one table."""

from __future__ import annotations

import difflib
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from npuemu.cli import completion, options
from npuemu.cli.progress import Progress
from npuemu.errors import UserError
from npuemu.reproduce import STUDIES


def reproduce(
    study: Annotated[
        str,
        typer.Argument(
            metavar="STUDY",
            help=f"What to reproduce: {', '.join(STUDIES)}.",
            autocompletion=completion.study,
        ),
    ],
    quick: Annotated[
        bool, typer.Option("--quick", help="Draw less of everything: minutes become seconds.")
    ] = False,
    out: Annotated[
        str | None,
        typer.Option(
            "--out", metavar="DIR", help="Write the table there as JSON, CSV and HTML with plots."
        ),
    ] = None,
) -> int:
    """Reproduce a paper's claims: exit 1 only where a check of our own fails."""
    if study not in STUDIES:
        near = difflib.get_close_matches(study, STUDIES, 1, 0.3)
        hint = f"; did you mean '{near[0]}'?" if near else f" (there are: {', '.join(STUDIES)})"
        raise UserError(f"there is no study '{study}'{hint}")
    folder = None if out is None else _folder(out, study)

    from npuemu.report.terminal import style_for
    from npuemu.reproduce import show

    with Progress() as progress:
        result = import_module(STUDIES[study]).study(quick, progress)
    sys.stdout.write(show.terminal(result, style_for(sys.stdout)))
    if folder is not None:
        for kind, text in (("json", show.as_json), ("csv", show.as_csv), ("html", show.as_html)):
            options.write(str(folder / f"{study}.{kind}"), text(result).encode(), "--out")
    return 0 if result.sound else 1


def _folder(out: str, study: str) -> Path:
    """The folder, made if need be; a `UserError` before the work, not after it."""
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--out: {out} is not a directory")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out: cannot make {out}: {error.strerror}") from None
    for kind in ("json", "csv", "html"):
        options.writable(str(folder / f"{study}.{kind}"), "--out")
    return folder
