"""Final deletion: the updates and the sample ids of a request's steps leave the log.

The history says so first, so that these steps count as gone from then on, and once more at the
end. Killed in between, the same command completes it.
"""

from dataclasses import asdict

import numpy as np

from partial_unlearning.errors import InputError
from partial_unlearning.update_log.checkpoint import FILE as CHECKPOINT
from partial_unlearning.update_log.codecs import whole_number
from partial_unlearning.update_log.history import Entry, to_ranges
from partial_unlearning.update_log.log import StoredLog


def purge(log: StoredLog, request: int) -> Entry:
    """Overwrite the updates and the sample ids of all steps that a request affects, for good.

    It can no longer be undone, and weights that still hold these steps can no longer be changed:
    keep those it led to. Returns the new line of the history.

    Args:
        log: the log.
        request: the number of a request that stands.

    Raises:
        InputError: no such request, a file that cannot be changed, or another process writes.
    """
    with log.locked():
        requests, entries = log.history.requests(), log.history.entries
        if log.history.announced:
            raise InputError(f"a {log.history.announced.kind} was cut short; repeat it first")
        if whole_number("the request", request, 1, 2**63) not in requests:
            raise InputError(f"request {request} does not stand; those that do: {[*requests]}")
        asked, held = to_ranges(requests[request]), asdict(entries[-1])
        kept = {name: held[name] for name in ("weights", "subtracted", "inseparable")}
        if not requests[request] <= log.history.purged:
            log.plan()  # refuses a damaged batch, whose epoch is to stay, while all is there
            log.history.append(Entry("purge", request, asked, **kept))
        for part, keep in log.parts:
            part.blank(np.array(sorted(log.history.purged)), keep)
        log.folder.remove(CHECKPOINT)  # it still holds these steps
        log.folder.remove_unfinished("")
        log.history.append(Entry("purged", request, asked, **kept))
    return log.history.entries[-1]
