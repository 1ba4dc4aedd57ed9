"""Final deletion: the updates and the sample ids of a request's steps leave the log.

The history announces it first, so that from then on these steps count as gone, and notes its end.
Killed in between, the same command completes it.
"""

from partial_unlearning.errors import InputError
from partial_unlearning.update_log import checkpoint
from partial_unlearning.update_log.history import Entry, to_ranges
from partial_unlearning.update_log.log import StoredLog

ELSEWHERE = (
    "copies of the log, weights from before this request, and what snapshots or an object store "
    "keep of files that were overwritten"
)
"""What no program can reach from here."""


def purge(log: StoredLog, request: int) -> Entry:
    """Overwrite the updates and the sample ids of all steps that a request affects, for good.

    The request can no longer be undone, and weights that still hold these steps can no longer be
    changed: keep those that it led to. What is :data:`ELSEWHERE` is the owner's to delete.

    Args:
        log: the log.
        request: the number of a request that stands.

    Returns:
        The new line of the history.

    Raises:
        InputError: no such request stands, files are damaged or cannot be written, or another
            process is writing to the log.
    """
    with log.locked():
        requests = log.history.requests()
        if request not in requests:
            raise InputError(f"request {request} does not stand; those that do: {[*requests]}")
        asked, last = to_ranges(requests[request]), log.history.entries[-1]
        if not requests[request] <= log.history.purged:
            log.plan()  # refuses a damaged batch, whose epoch is to stay, while all is there
            log.history.append(Entry("purge", request, asked, last.weights, last.subtracted))
        try:
            log.blank(log.history.purged)
            for name in (checkpoint.FILE, f"{checkpoint.FILE}.new"):  # they still hold these steps
                log.folder.remove(name)
        except OSError as error:
            raise InputError(
                f"the purge is not complete: {error}; mend that and repeat it"
            ) from error
        log.history.append(Entry("purged", request, asked, last.weights, last.subtracted))
        return log.history.entries[-1]
