"""Which code of a notebook its page shows: results first, and the code behind a fold.

A page is read for what came out. So the code of each output is folded above it, code without an
output joins that of the next one, and checks come together at the end. A cell tagged
``show-input`` is shown as it is: there the code is the subject.
"""

import nbformat
from nbformat import NotebookNode

SHOWN = "show-input"
CODE, CHECKS = "Show the code", "Show the checks, all of which held"


def folded(notebook: NotebookNode) -> NotebookNode:
    """A copy of an executed notebook as its page shows it."""
    page = nbformat.from_dict(notebook)
    cells, waiting, checks = [], [], []
    for cell in page.cells:
        if cell.cell_type != "code" or _decided(cell):
            cells.append(cell)
        elif cell.outputs:
            cell.source = "\n\n".join([*waiting, cell.source])
            cells.append(_hidden(cell, CODE))
            waiting = []
        elif _only_checks(cell.source):
            checks.append(cell.source)
        else:
            waiting.append(cell.source)
    if checks:
        last = nbformat.v4.new_code_cell("\n\n".join(checks), id="checks")
        cells.append(_hidden(last, CHECKS))
    page.cells = cells
    return page


def _decided(cell: NotebookNode) -> bool:
    """Whether the notebook itself says what its page shows of a cell, or what a fold is called."""
    tags = cell.metadata.get("tags", [])
    named = "code_prompt_show" in cell.metadata.get("mystnb", {})
    return named or any(tag == SHOWN or tag.startswith("remove-") for tag in tags)


def _only_checks(source: str) -> bool:
    """Whether a silent cell is there for what it asserts."""
    return any(line.startswith("assert ") for line in source.splitlines())


def _hidden(cell: NotebookNode, prompt: str) -> NotebookNode:
    cell.metadata["tags"] = list(dict.fromkeys([*cell.metadata.get("tags", []), "hide-input"]))
    cell.metadata["mystnb"] = {**cell.metadata.get("mystnb", {}), "code_prompt_show": prompt}
    return cell
