"""Bad teaching: learn target samples from an incompetent teacher, retained ones from a competent.

Chundawat et al., arXiv 2205.08096. The competent teacher is the trained model, the incompetent one
a network of random weights. The student begins as the trained model and lowers, over all samples,
D_KL(teacher(x) || student(x)) with the teacher that the sample has.
"""

from torch import nn
from torch.optim import Optimizer

from partial_unlearning.samples import Split
from partial_unlearning.unlearners.steps import add_gradient, divergence


def step(
    student: nn.Module,
    optimizer: Optimizer,
    target: Split,
    retained: Split,
    *,
    competent: nn.Module,
    incompetent: nn.Module,
    temperature: float = 1.0,
) -> None:
    """One step on target and retained samples together, each sample counting the same.

    All networks are put into evaluation mode; the teachers stay as they are.
    """
    part = len(target) / (len(target) + len(retained))
    student.eval()
    optimizer.zero_grad()
    add_gradient(lambda x, _: part * divergence(incompetent, student, x, temperature), target)
    add_gradient(lambda x, _: (1 - part) * divergence(competent, student, x, temperature), retained)
    optimizer.step()
