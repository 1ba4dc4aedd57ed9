"""Where a result comes from: code, data, software and machine."""

import platform
import resource
import sys
import time
from typing import Any

import torch

from reproduction.machine.code import code_facts, versions


def _name_and_peak(device: torch.device) -> tuple[str, int]:
    """The kind of device, and the peak of memory in MiB: of the process, or of an accelerator."""
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated(device)
        return f"cuda ({torch.cuda.get_device_name(device)})", peak // 2**20
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return f"{device.type} ({platform.machine()})", peak // 2**20


def provenance(*, started: float, device: torch.device, data_digest: str) -> dict[str, Any]:
    """All that is known of a run that began at ``started`` (of ``time.monotonic``)."""
    name, peak = _name_and_peak(device)
    return {
        **code_facts(),
        "python": platform.python_version(),
        "versions": versions(),
        "device": name,
        "threads": torch.get_num_threads(),
        "data_digest": data_digest,
        "seconds": round(time.monotonic() - started, 1),
        "peak_memory_mb": peak,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
