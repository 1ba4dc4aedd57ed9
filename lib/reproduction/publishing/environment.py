"""What of a person's environment would change the pages, set aside while they are made."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

FOREIGN = (
    "MATPLOTLIBRC",  # another look
    "MPLBACKEND",  # agg: figures that are drawn and not shown
    "PYTHONIOENCODING",
    "PYTHONSTARTUP",  # code that every kernel would run first
    "PYTHONWARNINGS",
)


def _own(folder: Path) -> dict[str, str]:
    """Variables that lead away from what lies in a home, which may be read-only as well."""
    return {
        "IPYTHONDIR": str(folder / "ipython"),  # no start-up files
        "JUPYTER_CONFIG_DIR": str(folder / "jupyter"),
        "JUPYTER_DATA_DIR": str(folder / "jupyter"),  # no kernels of other environments
        "JUPYTER_PATH": str(Path(sys.prefix) / "share" / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "PYTHONUTF8": "1",  # whatever the locale
    }


@contextmanager
def own_environment() -> Iterator[None]:
    """Let processes that begin inside find the environment of the project alone."""
    before = dict(os.environ)
    with TemporaryDirectory() as folder:
        for name in FOREIGN:
            os.environ.pop(name, None)
        os.environ.update(_own(Path(folder)))
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)
