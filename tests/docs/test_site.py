"""The site of `make docs`: it builds without a warning, and what it shows is there."""

from __future__ import annotations

import filecmp
import html
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

from npuemu import api, pages
from tests.docs.pages import ROOT, Reader

SITE = ROOT / "docs" / "site"
_LINK = re.compile(r'<a [^>]*?href="([^"]*)"')
_LOADED = re.compile(
    r'<(?:img|script|link|iframe|source)\b[^>]*?(?:src|href)="((?:https?:)?//[^"]*)"'
)
_ANCHOR = re.compile(r'\sid="([^"]*)"')


def build(source: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Build a site as `make docs` does."""
    return subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "site", "-c", str(SITE),
         "-d", str(folder / "state"), str(source), str(folder / "site")],
        capture_output=True, text=True, check=False, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@cache
def text(page: Path) -> str:
    """A built page."""
    return page.read_text(encoding="utf-8")


@cache
def anchors(page: Path) -> frozenset[str]:
    """Places in a page that links may name."""
    return frozenset(html.unescape(name) for name in _ANCHOR.findall(text(page)))


def broken_links(site: Path) -> list[str]:
    """Links of the built pages that lead to no file or to no place in it."""
    found = []
    for page in sorted(site.rglob("*.html")):
        for link in sorted(set(_LINK.findall(text(page)))):
            address, _, place = html.unescape(link).partition("#")
            if "://" in address or address.startswith("mailto:"):
                continue
            target = (page.parent / unquote(address)).resolve() if address else page
            if not target.is_file() or (place and unquote(place) not in anchors(target)):
                found.append(f"{page.relative_to(site)}: {link}")
    return found


def missing_pages(site: Path) -> list[str]:
    """Pages of the repository that the site lacks."""
    sources = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("programs/*/README.md")]
    sources += [ROOT / "diagnostics" / f"{code}.md" for code in pages.codes()]
    sources += [info.path for info in api.list_kernels()]
    sources += [*ROOT.glob("programs/**/*.inc"), ROOT / "isa/README.md", ROOT / "editors/README.md"]
    paths = [source.relative_to(ROOT).with_suffix(".html") for source in sources]
    return [str(p) for p in paths if str(p) != "docs/site/index.html" and not (site / p).is_file()]


def strangers(site: Path) -> list[str]:
    """What the built pages would load from elsewhere."""
    loaded = [url for page in site.rglob("*.html") for url in _LOADED.findall(text(page))]
    for sheet in site.rglob("*.css"):
        loaded += re.findall(r"url\(['\"]?((?:https?:)?//[^)]*)", sheet.read_text(encoding="utf-8"))
        loaded += re.findall(r"@import[^;]*", sheet.read_text(encoding="utf-8"))
    return loaded


def check_navigation(site: Path) -> None:
    """The page at hand is marked, and what it stands below is unfolded, once each."""
    page = text(site / "programs" / "gemm_bf16" / "README.html")
    assert page.count("current-page") == 1
    marked = re.search(r'<li class="[^"]*current-page[^"]*"><a [^>]*href="#">([^<]*)<', page)
    assert marked and marked[1] == "gemm_bf16"
    unfolded = re.findall(r'<input aria-label="Toggle navigation of ([^"]*)"[^>]*\bchecked', page)
    assert unfolded == ["Kernels"]
    assert "current-page" not in text(site / "index.html")


def check_colours(site: Path) -> None:
    """Kernels in pages and on pages of their own have their own lexer."""
    for name in ("docs/getting-started", "programs/gemm_bf16/kernel", "diagnostics/E201"):
        assert '<span class="kn">.kernel</span>' in text(site / f"{name}.html"), name
    assert '<span class="kr">wait_flag</span>' in text(site / "diagnostics/E201.html")
    assert '<span class="gr">error[E201]:</span>' in text(site / "index.html")


def test_the_site(tmp_path: Path) -> None:
    done = build(ROOT, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    site = tmp_path / "site"
    assert missing_pages(site) == []
    assert broken_links(site) == []
    assert strangers(site) == []
    check_navigation(site)
    check_colours(site)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A repository of a few pages."""
    source = tmp_path / "source"
    (source / "docs" / "site").mkdir(parents=True)
    (source / "docs" / "site" / "index.md").write_text("# Top\n\n[a](../timing.md#a-place)\n")
    (source / "docs" / "timing.md").write_text("# Time\n\n## A place\n\n[k](../programs/k)\n")
    (source / "programs" / "k").mkdir(parents=True)
    (source / "programs" / "k" / "README.md").write_text("# k\n\n[kernel](kernel.npu)\n")
    (source / "programs" / "k" / "kernel.npu").write_text("; k: nothing\n.kernel k\n")
    (source / "docs" / "new.md").write_text("# In no list\n")
    (source / "docs" / "site" / "kernels.md").write_text("# Kernels\n")
    return source


def test_a_small_site_twice_is_the_same(small: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        done = build(small, tmp_path / name)
        assert (done.returncode, done.stderr) == (0, "")
    one, two = tmp_path / "one" / "site", tmp_path / "two" / "site"
    files = sorted(str(p.relative_to(one)) for p in one.rglob("*") if p.is_file())
    assert {"index.html", "docs/timing.html", "programs/k/kernel.html"} < set(files)
    kept = [name for name in files if not name.endswith(".buildinfo")]
    assert filecmp.cmpfiles(one, two, kept, shallow=False)[1:] == ([], [])
    assert 'href="../programs/k/README.html"' in text(one / "docs" / "timing.html")


def test_every_broken_link_fails(small: Path, tmp_path: Path) -> None:
    page = small / "docs" / "timing.md"
    lines = page.read_text().count("\n")
    links = ["nowhere.md", "timing.md#no-place", "#no-place", "../programs", "../programs/k/no.npu"]
    with page.open("a") as more:
        more.writelines(f"\n[x]({link})\n" for link in links)
    done = build(small, tmp_path)
    assert done.returncode != 0
    warned = re.findall(r"timing\.md:(\d+): WARNING", done.stderr)
    assert sorted(map(int, warned)) == [lines + 2 * (n + 1) for n in range(len(links))]


def test_the_landing_page_shows_what_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    landing = SITE / "index.md"
    assert Reader(tmp_path, capsys).read(landing) == 1
    finding = landing.read_text(encoding="utf-8").split("```text\n")[1].split("```")[0]
    assert finding in (ROOT / "docs" / "getting-started.md").read_text(encoding="utf-8")
