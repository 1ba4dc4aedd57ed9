"""The update log: what amnesiac unlearning needs to have been written down while training.

Recording: :func:`record` (any training loop) or :func:`create` with
:class:`lib.recorders.UpdateRecorder` (:func:`lib.training.fit`). Unlearning: :func:`open_log`,
:func:`preview`, :func:`forget`, :func:`undo`.
"""

from lib.update_log.recording import Recording, record
from lib.update_log.requests import Preview, forget, preview, undo
from lib.update_log.store import Batch, LogWriter, StoredLog, append_to, create, exists, open_log

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
