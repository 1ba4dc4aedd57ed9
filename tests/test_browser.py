"""The built pages in a browser: quiet, local, readable by ear, by keyboard and on a phone.

Needs the system's Chromium and the extra ``browser``: ``pip install -e .[browser]``. Without them
these tests are skipped and say so. Each page is loaded once and looked at in all sizes and themes.
"""

import gzip
import shutil
import threading
from dataclasses import dataclass, field
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import pytest

from conftest import pages

MISSING = "install what looks at pages: .venv/bin/python -m pip install -e '.[browser]'"
playwright = pytest.importorskip("playwright.sync_api", reason=MISSING)
axe = pytest.importorskip("axe_playwright_python.base", reason=MISSING)
CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
if CHROMIUM is None:
    pytest.skip("there is no Chromium here to look at pages with", allow_module_level=True)

# A theme changes colours and no widths: each width once, and both themes.
LOOKS = ((360, "dark"), (390, "light"), (1280, "light"), (1280, "dark"))
AXE = ((390, "light"), (1280, "dark"))  # both layouts and both themes; it takes a second each
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]
TOGETHER = 4  # pages open at a time: each is waited for half a second after its last request
SENT = 1_500_000  # bytes of a page with all that it loads, compressed
PAINT = 1000  # milliseconds to the first content
# A query, and up to which place its page has to be found.
SEARCHES = {
    "Table 4": ("notebooks/table_4", 1),
    "own model": ("notebooks/update_log", 3),
    "storage": ("notebooks/cost", 3),
    "partial amnesiac": ("notebooks/partial_amnesiac", 3),
}
# What can be reached with the tab key and shows nothing when it is.
UNSEEN = """() => [...document.querySelectorAll(
  'a[href], button, summary, input, [tabindex="0"]')].filter((element) => {
    if (!element.checkVisibility({visibilityProperty: true}) || element.disabled) return false;
    if (element.closest('details:not([open])') && element.tagName !== 'SUMMARY') return false;
    element.focus({preventScroll: true});
    if (document.activeElement !== element) return false;
    const style = getComputedStyle(element);
    return style.outlineStyle === 'none' || parseFloat(style.outlineWidth) === 0;
  }).map((element) => element.outerHTML.slice(0, 120))"""
STILL = "*, ::before, ::after { transition: none !important; animation: none !important }"
FORMULA_STOPS = "() => document.querySelectorAll('mjx-container[tabindex]').length"
CUT = """() => [...document.querySelectorAll('.bd-article pre')].filter(
  (code) => code.checkVisibility() && code.scrollWidth > code.clientWidth + 1
).map((code) => code.textContent.slice(0, 80))"""
WIDE = "() => document.documentElement.scrollWidth > window.innerWidth"
PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"


@dataclass
class Look:
    """What a browser met on all pages; each entry begins with the page's name."""

    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    wide: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    stops: list[str] = field(default_factory=list)
    sent: dict[str, int] = field(default_factory=dict)
    painted: dict[str, float] = field(default_factory=dict)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(html):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=html))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def seen(html, address, browser) -> Look:
    """All pages, each loaded once; some are loaded while the others are looked at."""
    look, names = Look(), [path.relative_to(html).as_posix() for path in pages(html)]
    for first in range(0, len(names), TOGETHER):
        opened = {}
        for name in names[first : first + TOGETHER]:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            opened[name] = page, load(page, name, address, look)
        for name, (page, asked) in opened.items():
            inspect(page, name, look)
            look.outside += [u for u in asked if not u.startswith((address, "data:", "blob:"))]
            local = {unquote(urlsplit(u).path).lstrip("/") for u in asked if u.startswith(address)}
            look.sent[name] = sum(compressed(html / file) for file in local)
            page.close()
    return look


def load(page, name: str, address: str, look: Look) -> list[str]:
    """Begin to load a page; returns the list of addresses that it asks for, which may grow."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: look.errors.append(f"{name}: {error}"))
    page.on(
        "console",
        lambda said: look.errors.append(f"{name}: {said.text}") if said.type == "error" else None,
    )
    page.goto(address + name)
    return asked


def inspect(page, name: str, look: Look) -> None:
    """Look at a page in every width and theme, once it has all that it asks for."""
    page.wait_for_load_state("networkidle")
    look.painted[name] = page.evaluate(PAINTED)
    script = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    page.evaluate(script)
    page.add_style_tag(content=STILL)  # a colour on its way to another theme's is neither
    for width, theme in LOOKS:
        at = f"{name}, {width} px, {theme}"
        page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
        page.set_viewport_size({"width": width, "height": 900})
        look.wide += [at] if page.evaluate(WIDE) else []
        look.cut += [f"{at}: {code}" for code in page.evaluate(CUT)]
        if (width, theme) in AXE:
            look.violations += [f"{at}: {found}" for found in violations(page)]
    look.stops += [name] if page.evaluate(FORMULA_STOPS) else []
    page.keyboard.press("Tab")  # from now on the browser shows where the focus is
    look.unseen += [f"{name}: {element}" for element in page.evaluate(UNSEEN)]


def violations(page) -> list[str]:
    """What axe finds against WCAG 2.2 A and AA: the rule, and the first element that breaks it."""
    options = {"runOnly": {"type": "tag", "values": WCAG}, "preload": False}
    options["resultTypes"] = ["violations"]  # half the time: the rest is not written out
    found = page.evaluate("options => axe.run(document, options)", options)["violations"]
    return [f"{one['id']} {one['nodes'][0]['html'][:100]} ({len(one['nodes'])})" for one in found]


@cache
def compressed(path: Path) -> int:
    """Bytes of a file as a server sends it; pictures are compressed already."""
    data = path.read_bytes() if path.is_file() else b""
    return len(data) if path.suffix in (".png", ".woff2") else len(gzip.compress(data, 6))


def test_no_page_logs_an_error(seen):
    assert seen.errors == []


def test_nothing_is_asked_of_the_network(seen):
    assert seen.outside == []


def test_no_page_scrolls_sideways(seen):
    assert seen.wide == []


def test_no_code_is_cut_at_the_edge(seen):
    assert seen.cut == []


def test_every_page_keeps_wcag_2_2_a_and_aa(seen):
    assert seen.violations == []


def test_whatever_takes_the_keyboard_shows_it(seen):
    assert seen.unseen == []


def test_formulas_are_no_stops_of_the_tab_key(seen):
    assert seen.stops == []


def test_every_page_is_light_enough_to_send(seen):
    assert {name: size for name, size in seen.sent.items() if size > SENT} == {}


def test_every_page_shows_something_within_a_second(seen, address, browser):
    """Beyond what an empty page takes here, as other work may keep this machine busy."""
    slow = [name for name, took in seen.painted.items() if not 0 < took <= PAINT]
    assert [name for name in slow if paint(browser, address + name) > PAINT + empty(browser)] == []


def empty(browser) -> float:
    return paint(browser, "data:text/html,<p>empty</p>")


def paint(browser, url: str) -> float:
    """The better of two first paints, in milliseconds."""
    took = []
    for _ in range(2):
        page = browser.new_page()
        page.goto(url)
        page.wait_for_function(f"() => ({PAINTED})() > 0")
        took.append(page.evaluate(PAINTED))
        page.close()
    return min(took)


@pytest.mark.parametrize("query", SEARCHES)
def test_the_search_finds_the_page_first(query, address, browser):
    wanted, place = SEARCHES[query]
    page = browser.new_page()
    page.goto(f"{address}search.html?q={quote(query)}")
    page.wait_for_selector("#search-results li a")
    page.wait_for_function(
        "() => !document.querySelector('.search-summary').innerText.startsWith('Searching')"
    )
    links = page.eval_on_selector_all("#search-results li > a", "all => all.map((a) => a.href)")
    page.close()
    found = list(dict.fromkeys(urlsplit(link).path.strip("/") for link in links))
    assert f"{wanted}.html" in found[:place], found[:6]
