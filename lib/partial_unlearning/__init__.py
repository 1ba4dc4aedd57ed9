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

from partial_unlearning.errors import InputError

try:
    __version__ = version("partial-unlearning")
except PackageNotFoundError:  # a checkout that was not installed
    __version__ = "0+unknown"

_HOMES = {
    "batching": "BatchPlan shuffled_plan",
    "masks": "FixedMask SelectionMask build_mask keep_all",
    "metrics": "accuracy",
    "models": "build",
    "recorders.recorders": "MemoryLog UpdateRecorder",
    "samples": "Split",
    "state": "Layout",
    "training": "Callback fit",
    "unlearners": "amnesiac gradient sisa",
    "update_log.log": "append_to create exists open_log",
    "update_log.recording": "gather_ids record",
    "update_log.requests": "forget preview purge undo",
}
"""Module -> the names of it that are used as ``partial_unlearning.NAME``."""

__all__ = ["InputError", "__version__", *" ".join(_HOMES.values()).split()]


def __getattr__(name: str) -> object:
    """Load a name of :data:`__all__` (PEP 562)."""
    for home, names in _HOMES.items():
        if name in names.split():
            module = import_module(f"{__name__}.{home}")
            found = getattr(module, name, None)
            return import_module(f"{module.__name__}.{name}") if found is None else found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
