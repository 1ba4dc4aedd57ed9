"""Work too small to share among threads."""

import torch


class one_thread:  # noqa: N801 (used like a function)
    """Let torch use one thread inside a ``with`` block; other threads of Python are not concerned.

    Waking a second thread to gather or add some ten thousand numbers brings nothing, and where
    more threads want to run than there are cores it takes milliseconds.
    """

    def __enter__(self) -> None:
        """Remember how many threads there are."""
        self._usual = torch.get_num_threads()
        if self._usual != 1:
            torch.set_num_threads(1)

    def __exit__(self, *_: object) -> None:
        """Go back to that many."""
        if self._usual != 1:
            torch.set_num_threads(self._usual)
