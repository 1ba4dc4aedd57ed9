"""What a notebook shows."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shown:
    """HTML on a page, plain text elsewhere."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        """The same in words."""
        return self.text
