"""Figures that a phone shows in another shape: found in notebooks, put beside the pages."""

import hashlib
from collections.abc import Iterator

from nbformat import NotebookNode

from reproduction.chapters.figures import NARROW


def phone_figures(notebook: NotebookNode) -> Iterator[tuple[str, str]]:
    """The name under which a page shows a wide figure, and the narrow one for a phone, as SVG.

    The narrow ones leave the notebook. MyST-NB names a picture by the digest of its bytes.
    """
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if NARROW in data:
                wide = "\n".join(data["image/svg+xml"].splitlines())
                yield hashlib.sha256(wide.encode()).hexdigest(), data.pop(NARROW)
