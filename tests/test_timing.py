"""Measuring tools, on work whose cost is known."""

import sys
import time

import pytest
import torch

from lib.threads import one_thread
from lib.timing import alternate, peak_memory


def test_sides_take_turns_and_are_told_apart():
    order = []
    sides = {
        "short": lambda: order.append("short") or time.sleep(0.002),
        "long": lambda: order.append("long") or time.sleep(0.006),
    }
    found = alternate(sides, rounds=3, calls=2, warmup=1)
    assert order[:8] == [*["short"] * 2, *["long"] * 4, *["short"] * 2]
    assert order.count("short") == order.count("long") == 8
    assert all(len(values) == 3 for values in found.rounds.values())
    assert found.of("short") >= 0.002
    assert found.ratio("long", "short") > 1.2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_peak_memory_sees_what_is_let_go_again():
    assert peak_memory(lambda: torch.ones(8 << 20)) > 30 << 20  # 32 MiB


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_peak_memory_sees_what_was_freed_before_and_is_taken_again():
    def blocks() -> list[torch.Tensor]:
        return [torch.ones(16 << 10) for _ in range(1024)]  # 64 MiB, in pieces the heap keeps

    held = blocks()
    held.append(pin := torch.ones(1))  # after them, so that the heap cannot shrink by itself
    del held
    assert peak_memory(blocks) > 60 << 20
    assert pin.item() == 1


def test_threads_are_given_back():
    usual = torch.get_num_threads()
    torch.set_num_threads(2)
    with pytest.raises(ValueError, match="inside"), one_thread():
        assert torch.get_num_threads() == 1
        raise ValueError("inside")
    assert torch.get_num_threads() == 2
    torch.set_num_threads(usual)
