"""Names of a package that are loaded when they are first used."""

from collections.abc import Callable, Mapping
from importlib import import_module


def lazy_names(homes: Mapping[str, str], *, package: str) -> Callable[[str], object]:
    """The ``__getattr__`` of a package (PEP 562) that imports a module once a name of it is used.

    Args:
        homes: module, relative to the package -> names in it, separated by spaces. A name may be
            a submodule of its home.
        package: the package's full name.
    """
    home_of = {name: home for home, names in homes.items() for name in names.split()}

    def load(name: str) -> object:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home = f"{package}.{home_of[name]}"
        found = getattr(import_module(home), name, None)
        return import_module(f"{home}.{name}") if found is None else found

    return load
