"""The update log: what amnesiac unlearning needs to have been written down while training.

Recording: :func:`record` (any training loop) or :func:`create` with
:class:`UpdateRecorder` (:func:`fit`). Unlearning: :func:`open_log`,
:func:`preview`, :func:`forget`, :func:`undo`.
"""

from partial_unlearning.update_log.log import (
    Batch,
    LogWriter,
    StoredLog,
    append_to,
    create,
    exists,
    open_log,
)
from partial_unlearning.update_log.recording import Recording, record
from partial_unlearning.update_log.requests import Preview, forget, preview, undo

__all__ = [
    "Batch",
    "LogWriter",
    "Preview",
    "Recording",
    "StoredLog",
    "append_to",
    "create",
    "exists",
    "forget",
    "open_log",
    "preview",
    "record",
    "undo",
]
