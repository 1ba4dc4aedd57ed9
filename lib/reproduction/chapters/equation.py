"""An equation and the code that computes it, side by side."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from html import escape

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from reproduction.chapters.shown import Shown


def with_code(equation: str, *functions: Callable, number: str) -> Shown:
    """An equation of the paper beside the functions of the library that compute it.

    Args:
        equation: in TeX.
        functions: of the reference ``book/api.md``; shown without their docstrings.
        number: of the equation in the paper, such as "4".
    """
    code = "\n\n".join(map(_code, functions))
    names = ", ".join(map(_link, functions))
    html = (
        f'<figure class="beside"><div class="math notranslate nohighlight">\\[{escape(equation)}\\]'
        f"</div>{highlight(code, PythonLexer(), HtmlFormatter())}"
        f"<figcaption>Equation {number}, and the code that computes it: "
        f"{names}</figcaption></figure>"
    )
    return Shown(html, code)


def _link(function: Callable) -> str:
    """A function's name, which leads to the reference of the library."""
    name = f"{function.__module__}.{function.__qualname__}"
    return f'<a href="../book/api.html#{name}"><code>{name}</code></a>'


def _code(function: Callable) -> str:
    """A function's source without its docstring."""
    source = textwrap.dedent(inspect.getsource(function))
    (tree,) = ast.parse(source).body
    lines = source.rstrip().splitlines()
    first = tree.body[0]
    if ast.get_docstring(tree) is not None:
        lines = lines[: first.lineno - 1] + lines[first.end_lineno :]
    return "\n".join(lines)
