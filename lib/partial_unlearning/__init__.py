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

from importlib.metadata import PackageNotFoundError, version

import lazy_loader

__getattr__, _, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]

try:
    __version__ = version("partial-unlearning")
except PackageNotFoundError:  # a checkout that was not installed
    __version__ = "0+unknown"
