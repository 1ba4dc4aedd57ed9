"""What a person's input can cause: one kind of error, or a warning where they called."""

import sys
import warnings
from numbers import Integral, Real


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


def whole_number(name: str, given: object, least: int, most: int) -> int:
    """A setting as int, InputError if it is no whole number from ``least`` to ``most``."""
    whole = isinstance(given, Integral) and not isinstance(given, bool)
    if whole and least <= given <= most:  # type: ignore[operator]
        return int(given)  # type: ignore[call-overload]
    raise InputError(f"{name} is {given!r}; give a whole number from {least} to {most}")


def fraction(name: str, given: object) -> float:
    """A setting as float, InputError if it is no number from 0 to 1."""
    if isinstance(given, Real) and not isinstance(given, bool) and 0 <= given <= 1:  # type: ignore[operator]
        return float(given)
    raise InputError(f"{name} is {given!r}; give a number from 0 to 1, such as 0.9")
