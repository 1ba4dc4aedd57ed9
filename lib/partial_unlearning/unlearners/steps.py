"""What methods that take gradient steps on target and retained samples have in common.

Losses are means over a batch. All models are put into evaluation mode, so that batch-norm
statistics stay as they were trained, as with the paper's own gradient methods.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import kl_div, log_softmax

from partial_unlearning.samples import Split


def batches(data: Split, size: int, *, seed: int) -> Iterator[Split]:
    """Yield batches of ``size`` samples without end, shuffled anew for each pass over ``data``."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        for part in torch.randperm(len(data), generator=generator).split(size):
            yield data.subset(data.ids[part.to(data.ids.device)])


def add_gradient(
    loss: Callable[[Tensor, Tensor], Tensor], data: Split, *, chunk: int = 250
) -> None:
    """Add the gradient of ``loss`` (of images and labels) to the weights', in bounded memory."""
    for x, y in zip(data.images.split(chunk), data.labels.split(chunk), strict=True):
        (loss(x, y) * (len(x) / len(data))).backward()


def divergence(teacher: nn.Module, student: nn.Module, x: Tensor, temperature: float = 1) -> Tensor:
    """D_KL(p_teacher || p_student) of softened softmax outputs, mean over images ``(n, ...)``.

    No gradient goes to the teacher, nor does it change.
    """
    with torch.no_grad():
        wanted = log_softmax(teacher.eval()(x) / temperature, dim=1)
    given = log_softmax(student(x) / temperature, dim=1)
    return kl_div(given, wanted, reduction="batchmean", log_target=True)
