"""The built pages: whole, readable without a mouse or a network, every link leading somewhere.

They are built here from the committed notebooks, with every warning an error; nothing is executed.
"""

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

from conftest import pages
from reproduction import places

LOADS = {
    "script": ["src"],
    "img": ["src", "srcset"],
    "link": ["href"],
    "iframe": ["src"],
    "source": ["src", "srcset"],
    "video": ["src", "poster"],
    "audio": ["src"],
    "embed": ["src"],
    "object": ["data"],
}
CODE = ["pre", "script", "style", "code"]
OUTSIDE = re.compile(r"^\s*(https?:)?//")


@cache
def parsed(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(), "html.parser")


def test_every_page_of_the_contents_is_there(html):
    listed = re.findall(r"(?:root|file):\s*(\S+)", (places.ROOT / "_toc.yml").read_text())
    assert [page for page in listed if not (html / f"{page}.html").exists()] == []
    assert (html / "index.html").exists()


def test_nothing_is_loaded_from_outside(html):
    loaded = [
        element[attribute]
        for page in pages(html)
        for name, attributes in LOADS.items()
        for element in parsed(page).find_all(name)
        for attribute in attributes
        if element.has_attr(attribute) and "canonical" not in element.get("rel", [])
    ]
    assert len(loaded) > 10
    assert [address for address in loaded if OUTSIDE.match(address)] == []


def test_no_style_sheet_fetches_from_outside(html):
    sheets = list(html.rglob("*.css"))
    fetched = [
        address
        for sheet in sheets
        for address in re.findall(r"(?:url\(|@import\s+)['\"]?([^'\")\s;]+)", sheet.read_text())
    ]
    assert len(sheets) > 2
    assert [address for address in fetched if OUTSIDE.match(address)] == []


def test_mathematics_comes_with_the_pages(html):
    (script,) = {
        (page.parent / urlsplit(tag["src"]).path).resolve()
        for page in pages(html)
        for tag in parsed(page).find_all("script", src=re.compile("mathjax"))
    }
    assert script.stat().st_size > 1_000_000


def test_mathematics_is_loaded_only_where_there_are_formulas(html):
    loads = {
        page.name: bool(parsed(page).find("script", src=re.compile("mathjax")))
        for page in pages(html)
    }
    has = {page.name: bool(parsed(page).select(".math")) for page in pages(html)}
    assert loads == has
    assert not all(loads.values())


def test_the_two_accuracies_have_one_notation(html):
    for page in pages(html):
        article = parsed(page).article
        assert r"\mathcal{D}" not in article.get_text(), page.name
        cells = article.select("td, th, caption, figcaption")
        shown = [cell.get_text() for cell in cells if not cell.code]  # names in code stay
        assert [text for text in shown if re.search(r"\b[dD]_[tr]\b", text)] == [], page.name


def test_no_line_is_broken_before_a_sign_of_percent(html):
    seen = 0
    for page in pages(html):
        article = parsed(page).article
        code = {id(text) for part in article.find_all(CODE) for text in part.find_all(string=True)}
        text = "".join(text for text in article.find_all(string=True) if id(text) not in code)
        assert not re.findall(r".{20}\d %", text), page.name
        seen += len(re.findall("\\d\N{NO-BREAK SPACE}%", text))
    assert seen > 100


def test_every_page_describes_itself_and_says_its_edition(html):
    described = [parsed(page).find("meta", {"name": "description"}) for page in pages(html)]
    assert all(tag and tag["content"] for tag in described)
    for page in pages(html):
        foot = parsed(page).find(class_="edition")
        assert re.search(r"Version \d+\.\d+\.\d+ · \d{4}-\d\d-\d\d", foot.get_text())
        assert parsed(page).find("link", rel="icon"), page.name
    assert (html / "_static" / "card.png").exists()


def test_code_is_folded_under_a_name_of_its_own_and_nothing_runs_in_the_page(html):
    for page in pages(html):
        text = page.read_text()
        assert "Toggle hidden content" not in text, page.name
        assert "THEBE_JS_URL" not in text, page.name
    folds = [fold for page in pages(html) for fold in parsed(page).select("details.fold.input")]
    assert folds and all(fold.summary.get_text(strip=True) for fold in folds)


def test_internal_links_lead_somewhere(html):
    broken = [
        f"{page.relative_to(html)} -> {link['href']}"
        for page in pages(html)
        for link in parsed(page).find_all("a", href=True)
        if not resolves(page, link["href"])
    ]
    assert broken == []


def resolves(page: Path, address: str) -> bool:
    parts = urlsplit(address)
    if parts.scheme in ("http", "https", "mailto"):
        return True
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not target.is_file():
        return False
    fragment = unquote(parts.fragment)
    if not fragment or target.suffix != ".html":
        return True
    return fragment in anchors(target)


@cache
def anchors(page: Path) -> set[str]:
    return {element["id"] for element in parsed(page).find_all(id=True)}


def test_every_picture_has_a_text(html):
    bare = [
        f"{page.name}: {image.get('src', '')[:60]}"
        for page in pages(html)
        for image in parsed(page).find_all("img")
        if not image.get("alt", "").strip() or image["alt"].endswith((".png", ".svg"))
    ]
    assert bare == []


def test_every_comparison_has_a_caption_and_scoped_headers(html):
    tables = [table for page in pages(html) for table in parsed(page).select("table.comparison")]
    assert tables
    for table in tables:
        assert table.caption.get_text(strip=True)
        assert all(header.has_attr("scope") for header in table.find_all("th"))
        assert "table-box" in table.parent["class"]


def test_no_page_shows_an_error_or_a_warning(html):
    shown = [
        f"{page.name}: {block.get_text()[:80]}"
        for page in pages(html)
        for block in parsed(page).select("div.output")
        if re.search(r"Traceback \(most recent|\w+Warning:|<\S+ object", block.get_text())
    ]
    assert shown == []


def test_links_into_the_library_lead_to_its_reference(html):
    """In the reference itself, types of other projects have no page."""
    elsewhere = [page for page in pages(html) if page.name != "api.html"]
    named = [code for page in elsewhere for code in parsed(page).select("code.xref.py")]
    assert len(named) > 10
    assert [code.get_text() for code in named if not code.find_parent("a")] == []
