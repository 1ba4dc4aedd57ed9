"""Measuring tools, on work whose cost is known."""

import time

import pytest
import torch

from partial_unlearning.system.threads import one_thread
from reproduction.costs.timing import alternate, ratio


def test_sides_take_turns_and_are_told_apart():
    order = []
    sides = {
        "short": lambda: order.append("short") or time.sleep(0.002),
        "long": lambda: order.append("long") or time.sleep(0.006),
    }
    found = alternate(sides, rounds=3, calls=2, warmup=1)
    assert order[:8] == [*["short"] * 2, *["long"] * 4, *["short"] * 2]
    assert order.count("short") == order.count("long") == 8
    assert list(found) == ["short", "long"] and len(found) == 3
    assert found["short"].median() >= 0.002
    assert ratio(found, "long", "short") > 1.2


def test_threads_are_given_back():
    usual = torch.get_num_threads()
    torch.set_num_threads(2)
    with pytest.raises(ValueError, match="inside"), one_thread():
        assert torch.get_num_threads() == 1
        raise ValueError("inside")
    assert torch.get_num_threads() == 2
    torch.set_num_threads(usual)
