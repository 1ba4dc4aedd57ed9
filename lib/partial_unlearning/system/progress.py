"""Progress bars on stderr: lively in a terminal, a line now and then in a log file."""

import sys

from tqdm import tqdm


def progress(*, total: int, title: str, unit: str = "step", keep: bool = False) -> tqdm:
    """A bar with the time left; ``keep`` leaves it on the screen when done."""
    pause = 0.1 if sys.stderr.isatty() else 10.0
    return tqdm(total=total, desc=title, unit=unit, file=sys.stderr, leave=keep, mininterval=pause)
