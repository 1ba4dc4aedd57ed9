"""Tests run on one thread a process: the models are small and the machine is shared."""

import torch

torch.set_num_threads(1)
