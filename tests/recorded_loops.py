"""Small training loops that are recorded, for the tests of the log."""

import torch
from torch import Tensor, nn

from partial_unlearning.update_log.recording import Recording

IDS = torch.arange(40)
ALL = {"ids": IDS, "batch_size": 4, "sparsity_first": 0, "sparsity_last": 0, "values": "float32"}
"""Settings of a log that holds everything, in full precision."""


class Partial(nn.Linear):
    """Its state_dict() leaves the bias out."""

    def state_dict(self, *given: object, **options: object) -> dict[str, Tensor]:
        whole = super().state_dict(*given, **options)
        return {name: tensor for name, tensor in whole.items() if name != "bias"}

    def load_state_dict(self, state: dict[str, Tensor], **_: object) -> object:
        return super().load_state_dict(state, strict=False)


def train(
    model: nn.Module, optimizer: torch.optim.Optimizer, recording: Recording, steps: range
) -> None:
    """Step k of each ten sees samples 4k to 4k + 3."""
    for step in steps:
        optimizer.zero_grad()
        model(torch.randn(4, 6)).square().mean().backward()
        optimizer.step()
        recording.step(IDS[4 * (step % 10) :][:4], 0)


def killed(recording: Recording) -> None:
    """As if the process had ended; what waited in memory is lost."""
    recording._watch.close()
    recording.log.folder.unlock()


def killed_later(recording: Recording) -> None:
    """As if the process had ended when all steps were on disk."""
    recording._wait()
    recording.log.flush()
    killed(recording)
