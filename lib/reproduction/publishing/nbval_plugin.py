"""A plugin for pytest: kernels that nbval starts find the environment that pages are made in."""

from collections.abc import Iterator

import pytest

from reproduction.publishing.environment import own_environment


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop() -> Iterator[None]:
    """Run all tests inside; each notebook gets its kernel when its first cell is run."""
    with own_environment():
        return (yield)
