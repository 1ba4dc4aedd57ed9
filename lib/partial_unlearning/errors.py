"""What a person's input can cause: one kind of error, or a warning where they called."""

import sys
import warnings


class InputError(ValueError):
    """Bad input from a person: says what was given, what was expected and what to do.

    The command line prints the message and exits with status 2.
    """


def warn(message: str) -> None:
    """Warn at the line outside this package that led here.

    Python tells a warning once for each line: one within the package would stand for all callers.
    """
    level, frame = 2, sys._getframe(1)
    package = __name__.partition(".")[0]
    while frame.f_back and str(frame.f_globals.get("__name__")).partition(".")[0] == package:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)
