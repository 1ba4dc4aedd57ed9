"""What a page shows of its notebook's code."""

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from reproduction.publishing.folding import folded


def code(source: str, *, shows: bool = True, tags: tuple[str, ...] = ()):
    outputs = [new_output("stream", text="1")] if shows else []
    return new_code_cell(source, outputs=outputs, metadata={"tags": list(tags)} if tags else {})


def cells(*given) -> list[tuple[str, list[str]]]:
    page = folded(new_notebook(cells=list(given)))
    return [(cell.source, cell.metadata.get("tags", [])) for cell in page.cells]


def test_code_of_an_output_is_folded_with_the_silent_code_before_it():
    found = cells(code("import x", shows=False), new_markdown_cell("text"), code("x.draw()"))
    assert found == [("text", []), ("import x\n\nx.draw()", ["hide-input"])]


def test_code_that_is_the_subject_and_decided_cells_stay():
    shown, removed = code("f()", tags=("show-input",)), code("p = 1", tags=("remove-cell",))
    assert cells(shown, removed) == [("f()", ["show-input"]), ("p = 1", ["remove-cell"])]


def test_checks_come_together_at_the_end():
    found = cells(
        code("assert a", shows=False), code("draw()"), code("b = 1\nassert b", shows=False)
    )
    assert found == [("draw()", ["hide-input"]), ("assert a\n\nb = 1\nassert b", ["hide-input"])]


def test_a_cell_that_shows_something_is_no_check():
    assert cells(code("assert a\nshow()")) == [("assert a\nshow()", ["hide-input"])]


def test_the_notebook_itself_stays_as_it_was():
    notebook = new_notebook(cells=[code("draw()")])
    folded(notebook)
    assert notebook.cells[0].metadata == {}
