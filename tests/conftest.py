"""Options of the whole suite: `--minutes N` for the longer exactness proofs, `--exactness-seed N` to repeat one."""

from __future__ import annotations

import signal

import pytest
from hypothesis import settings


def pytest_configure() -> None:
    """Children are to be interruptible also where the suite itself runs in a background that ignores Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("exactness")
    group.addoption("--minutes", type=float, default=0.0, help="how long the chaos of the exactness proofs lasts")
    group.addoption("--exactness-seed", type=int, default=20260, help="seed of the exactness proofs")


@pytest.fixture
def exactness_minutes(request: pytest.FixtureRequest) -> float:
    return float(request.config.getoption("--minutes"))


@pytest.fixture
def exactness_seed(request: pytest.FixtureRequest) -> int:
    seed = int(request.config.getoption("--exactness-seed"))
    print(f"exactness seed {seed}")
    return seed


settings.register_profile("long", max_examples=5000, deadline=None)
"""`make test ARGS="--hypothesis-profile=long tests/unit"`: laws that name no number of their own look fifty times as far."""
