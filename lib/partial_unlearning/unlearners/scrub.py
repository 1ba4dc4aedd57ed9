"""SCRUB: a student that leaves its teacher on target samples and follows it on retained ones.

Kurmanji et al., arXiv 2302.09880. The teacher is the trained model w_o; the student w begins as
its copy and lowers in turns the two parts of their objective,

    -d(D_t)   and   alpha * d(D_r) + gamma * L(D_r),   d = D_KL(p(w_o) || p(w)).
"""

from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer

from partial_unlearning.samples import Split
from partial_unlearning.unlearners.steps import add_gradient, divergence


def step(
    student: nn.Module,
    optimizer: Optimizer,
    target: Split,
    retained: Split,
    *,
    teacher: nn.Module,
    alpha: float,
    gamma: float = 1.0,
) -> None:
    """A max-step on a batch of target samples, then a min-step on one of retained samples.

    Both networks are put into evaluation mode; the teacher stays as it is.
    """

    def follow(x: Tensor, y: Tensor) -> Tensor:
        return alpha * divergence(teacher, student, x) + gamma * cross_entropy(student(x), y)

    student.eval()
    optimizer.zero_grad()
    add_gradient(lambda x, y: -divergence(teacher, student, x), target)
    optimizer.step()
    optimizer.zero_grad()
    add_gradient(follow, retained)
    optimizer.step()
