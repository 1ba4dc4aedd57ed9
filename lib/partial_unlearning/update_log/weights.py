"""Weights in safetensors files."""

from pathlib import Path

import safetensors
from safetensors.torch import save
from torch import Tensor

from partial_unlearning.errors import InputError
from partial_unlearning.system.files import write_atomic
from partial_unlearning.update_log.description import Description


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str] | None]:
    """Tensors by name, and the file's own metadata.

    Raises:
        InputError: no such file, or not a safetensors file.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    except (OSError, safetensors.SafetensorError) as error:
        raise InputError(f"cannot read {path} as safetensors weights: {error}") from error


def write_weights(
    path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None, said: Description
) -> None:
    """Write tensors, whole or not at all; tied ones under all their names."""
    for name, first in said.tied.items():
        if name in tensors:
            tensors[name] = tensors[first].clone()
    write_atomic(path, save(tensors, metadata))
