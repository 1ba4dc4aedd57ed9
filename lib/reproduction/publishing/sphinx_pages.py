"""The extension that Sphinx loads: what pages have beyond what their authors write.

One notation of D_t and D_r, so that only pages with formulas load MathJax; a description for
search engines and links; words under which the search finds a page; figures in the shape of a
phone; a foot that says which edition this is and how to cite it. The build copies this file beside
the pages, so that Sphinx can load it alone, without the library.
"""

import re
from html import escape, unescape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.transforms import SphinxTransform

SETS = {rf"\mathcal{{D}}_{letter}": letter for letter in "tr"}
DESCRIPTION = 180  # characters that search engines show
SCORES = "book/_assets/search_scores.js"
NARROW = "book/_assets/narrow"
PHONE = 576  # pixels; the width below which custom.css lays out for a phone
IMAGE = re.compile(r'<img [^>]*?src="(?P<root>[./]*)_images/(?P<name>[\w.-]+\.svg)"[^>]*>')
# MyST-NB's fold of code or of what it gave, named "Toggle hidden content" whatever it says
FOLD = re.compile(
    r'<details class="admonition hide above-(input|output)">\s*<summary[^>]*>\s*'
    r'<p class="collapsed[^>]*>(.*?)</p>\s*<p class="expanded.*?</p>\s*</summary>'
)
PLAIN_FOLD = r'<details class="fold \1"><summary>\2</summary>'
TAG = re.compile("<[^>]*>")
PERCENT_OR_CODE = re.compile(r"<(script|style|pre)\b.*?</\1>|(?<=\d) (?=%)", re.DOTALL)


class OneNotation(SphinxTransform):
    """D_t and D_r in running text as letters, in formulas with the same plain D."""

    default_priority = 300  # before Sphinx notes which pages have formulas

    def apply(self, **_: object) -> None:
        """Change all formulas of a page."""
        for node in list(self.document.findall(nodes.math)):
            letter = SETS.get(node.astext().replace(" ", ""))
            if letter is not None:
                node.replace_self(nodes.emphasis("", "D", nodes.subscript("", letter)))
        formulas = [*self.document.findall(nodes.math), *self.document.findall(nodes.math_block)]
        for node in formulas:
            plain = node.astext().replace(r"\mathcal{D}", "D")
            node.clear()
            node += nodes.Text(plain)


class SearchWords(SphinxTransform):
    """The words of ``search_words`` in ``_config.yml`` as index entries of their page."""

    default_priority = 300

    def apply(self, **_: object) -> None:
        """Add them at the title."""
        words = self.config.search_words.get(self.env.docname, [])
        title = next(iter(self.document.findall(nodes.section)), None)
        if title is not None and words:
            entries = [("single", word, title["ids"][0], "main", None) for word in words]
            title.insert(1, addnodes.index("", entries=entries))


def describe(doctree: nodes.document) -> str:
    """The beginning of a page's first paragraph of running text, cut between words."""
    for paragraph in doctree.findall(nodes.paragraph):
        text = " ".join(paragraph.astext().split())
        if isinstance(paragraph.parent, nodes.section) and len(text) > DESCRIPTION // 3:
            if len(text) <= DESCRIPTION:
                return text
            return text[:DESCRIPTION].rsplit(" ", 1)[0].rstrip(",;:") + " …"
    return ""


def _meta(context: dict[str, Any], edition: dict[str, str], description: str) -> str:
    """What search engines and links show of a page; a picture needs the book's address."""
    title = unescape(TAG.sub("", context.get("title", "")))
    named = {"og:type": "article", "og:title": title, "og:description": description}
    named["og:site_name"] = context["project"]
    if edition["address"]:
        named["og:url"] = f"{edition['address']}{context['pagename']}.html"
        named["og:image"] = f"{edition['address']}_static/card.png"
        named["og:image:alt"] = "All comparisons of the paper, as published and at equal forgetting"
    tags = [f'<meta property="{name}" content="{escape(text)}" />' for name, text in named.items()]
    tags.append(f'<meta name="description" content="{escape(description)}" />')
    tags.append('<meta name="twitter:card" content="summary_large_image" />')
    return "\n".join(tags)


def _foot(context: dict[str, Any], edition: dict[str, str]) -> str:
    """Version, date, the paper, the code, the licence, and how to cite."""
    licence = context["pathto"]("_static/LICENSE.txt", resource=True)
    links = [("The paper", edition["paper"]), ("Code", edition["repository"]), ("Licence", licence)]
    linked = [f'<a href="{escape(target)}">{name}</a>' for name, target in links if target]
    said = " · ".join([f"Version {edition['version']}", edition["date"], *linked])
    cite = (
        f"<details><summary>Cite this book</summary><pre>{escape(edition['cite'])}</pre></details>"
    )
    return f'<p class="edition">{said}</p>{cite}'


def finish(
    app: Sphinx, pagename: str, _: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Complete a page just before it is written."""
    edition = app.config.edition
    unused = ["thebe"] if 'class="math' in context.get("body", "") else ["thebe", "mathjax"]
    context["script_files"] = [f for f in context["script_files"] if not _names(f, unused)]
    context["theme_extra_footer"] = _foot(context, edition)
    if doctree is not None:
        context["metatags"] += _meta(context, edition, describe(doctree))
        body = FOLD.sub(PLAIN_FOLD, context["body"])
        # Entries of a list of references have a role that is no longer one.
        body = body.replace('role="doc-biblioentry"', 'role="listitem"')
        context["body"] = _with_phone_figures(app, _unbroken(body))


def _unbroken(body: str) -> str:
    """With no line broken between a number and its sign of percent; code stays as it is."""

    def joined(found: re.Match[str]) -> str:
        return "\N{NO-BREAK SPACE}" if found[0] == " " else found[0]

    return PERCENT_OR_CODE.sub(joined, body)


def _with_phone_figures(app: Sphinx, body: str) -> str:
    """Each figure that has a narrow shape with both, of which a browser loads one."""

    def both(found: re.Match[str]) -> str:
        narrow = Path(app.confdir) / NARROW / found["name"]
        if not narrow.exists():
            return found[0]
        address = f"{found['root']}_static/narrow/{found['name']}"
        source = f'<source media="(max-width: {PHONE}px)" srcset="{address}" />'
        return f"<picture>{source}{found[0]}</picture>"

    return IMAGE.sub(both, body)


def _names(file: object, words: list[str]) -> bool:
    """Whether a script or its settings name any of these: what a page does not need.

    No page runs code; the first one has no formulas, but Sphinx counts those of all pages there.
    """
    said = f"{getattr(file, 'filename', file)}{getattr(file, 'attributes', '')}".lower()
    return any(word in said for word in words)


def _settle(app: Sphinx, config: Config) -> None:
    """What other extensions or a relative path would have otherwise."""
    config.html_search_scorer = str(Path(app.confdir) / SCORES)
    config.numfig = False  # the paper's own numbers stand in the titles


def setup(app: Sphinx) -> dict[str, bool]:
    """What Sphinx calls."""
    app.add_config_value("edition", {}, "html", dict)
    app.add_config_value("search_words", {}, "env", dict)
    app.add_transform(OneNotation)
    app.add_transform(SearchWords)
    app.connect("config-inited", _settle, priority=900)
    app.connect("html-page-context", finish, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
