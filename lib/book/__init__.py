"""Notebooks into pages: the one part of the library that knows of Jupyter and Jupyter Book."""

from lib.book.building import build
from lib.book.execution import execute, parse_parameters, publish
from lib.book.sources import notebook_names

__all__ = ["build", "execute", "notebook_names", "parse_parameters", "publish"]
