"""Layer-wise partial machine unlearning: models, update recorders, unlearners and an update log.

Record a training run of any model, then take back what one sample taught it:

>>> import tempfile, torch
>>> from partial_unlearning import Layout, forget, open_log, record
>>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
>>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
>>> ids, folder = torch.arange(12), tempfile.mkdtemp() + "/log"
>>> recording = record(model, folder, ids=ids, batch_size=3, sparsity_first=0, sparsity_last=0)
>>> for batch in ids.split(3):
...     optimizer.zero_grad()
...     model(torch.eye(4)[batch % 4]).square().sum().backward()
...     optimizer.step()
...     recording.step(batch, epoch=0)
>>> recording.close()
>>> log, trained = open_log(folder, model), Layout.of(model).vector(model)
>>> request = forget(log, model, [7])  # sample 7 was in the third of four steps
>>> log.affected_steps([7])
[2]
>>> torch.equal(Layout.of(model).vector(model), trained - log.sum([2]))
True

A name is loaded when it is first used: ``import partial_unlearning`` alone does not load torch.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from partial_unlearning.errors import InputError

try:
    __version__ = version("partial-unlearning")
except PackageNotFoundError:  # a checkout that was not installed
    __version__ = "0+unknown"

_HOMES = {
    "batching": "BatchPlan confined_plan plan_batches shuffled_plan",
    "masks": "FixedMask Mask SelectionMask build_mask keep_all",
    "metrics": "accuracy",
    "models": "build",
    "recorders.background": "BackgroundRecorder",
    "recorders.recorders": "MemoryLog UpdateRecorder",
    "samples": "Split",
    "state": "Layout",
    "training": "Callback fit make_optimizer",
    "unlearners": "amnesiac gradient sisa",
    "update_log.log": "append_to create exists open_log",
    "update_log.recording": "record",
    "update_log.requests": "forget preview undo",
}
"""Module -> the names of it that are used as ``partial_unlearning.NAME``."""

__all__ = [
    "BackgroundRecorder", "BatchPlan", "Callback", "FixedMask", "InputError", "Layout", "Mask",
    "MemoryLog", "SelectionMask", "Split", "UpdateRecorder", "__version__", "accuracy", "amnesiac",
    "append_to", "build", "build_mask", "confined_plan", "create", "exists", "fit", "forget",
    "gradient", "keep_all", "make_optimizer", "open_log", "plan_batches", "preview", "record",
    "shuffled_plan", "sisa", "undo",
]  # fmt: skip

if TYPE_CHECKING:
    from partial_unlearning.batching import BatchPlan, confined_plan, plan_batches, shuffled_plan
    from partial_unlearning.masks import FixedMask, Mask, SelectionMask, build_mask, keep_all
    from partial_unlearning.metrics import accuracy
    from partial_unlearning.models import build
    from partial_unlearning.recorders.background import BackgroundRecorder
    from partial_unlearning.recorders.recorders import MemoryLog, UpdateRecorder
    from partial_unlearning.samples import Split
    from partial_unlearning.state import Layout
    from partial_unlearning.training import Callback, fit, make_optimizer
    from partial_unlearning.unlearners import amnesiac, gradient, sisa
    from partial_unlearning.update_log.log import append_to, create, exists, open_log
    from partial_unlearning.update_log.recording import record
    from partial_unlearning.update_log.requests import forget, preview, undo
else:

    def __getattr__(name: str) -> object:
        """Load a name of :data:`__all__` (PEP 562)."""
        for home, names in _HOMES.items():
            if name in names.split():
                module = import_module(f"{__name__}.{home}")
                found = getattr(module, name, None)
                return import_module(f"{module.__name__}.{name}") if found is None else found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
