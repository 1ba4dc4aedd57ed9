"""Notebooks into pages: the one part of the library that knows of Jupyter and Jupyter Book."""

from reproduction.publishing.building import build
from reproduction.publishing.execution import execute, parse_parameters, publish
from reproduction.publishing.sources import notebook_names

__all__ = ["build", "execute", "notebook_names", "parse_parameters", "publish"]
