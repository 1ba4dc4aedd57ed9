"""Notebooks into pages: the one part of the library that knows of Jupyter and Jupyter Book."""

import lazy_loader

# Each is loaded when it is first used: commands that make no page start in a third of the time.
__getattr__, _, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "building": ["build"],
        "execution": ["execute", "parse_parameters", "publish"],
        "sources": ["notebook_names"],
    },
)
