"""The one error a person's input can cause."""


class InputError(ValueError):
    """Bad input from a person: says what was given, what was expected and what to do.

    The command line prints the message and exits with status 2.
    """
