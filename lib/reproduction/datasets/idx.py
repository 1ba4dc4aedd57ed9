"""IDX files, the format of MNIST's and Fashion-MNIST's images and labels."""

import struct
from pathlib import Path

from partial_unlearning.errors import InputError
from partial_unlearning.system.files import write_atomic
from torch import Tensor

_UNSIGNED_BYTE = 8


def write_idx(path: Path, values: Tensor) -> Path:
    """Write a tensor of bytes, of any number of dimensions.

    torchvision's ``read_image_file`` and ``read_label_file`` read what this writes.

    Raises:
        InputError: the values are not unsigned bytes.
    """
    if values.dtype.itemsize != 1 or values.dtype.is_signed:
        raise InputError(f"IDX files are written from uint8 here, not {values.dtype}")
    head = struct.pack(f">HBB{values.dim()}I", 0, _UNSIGNED_BYTE, values.dim(), *values.shape)
    return write_atomic(path, head + values.numpy().tobytes())
