"""What the tests of events share."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Malformed = Callable[[int, int], Iterator[tuple[dict[str, str], bytes, str]]]


@pytest.fixture(scope="session")
def malformed() -> Malformed:
    """Return the conformance suite's generator of malformed events."""
    path = Path(__file__).parents[1] / "conformance" / "malformed.py"
    spec = importlib.util.spec_from_file_location("malformed", path)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    requests: Malformed = module.requests
    return requests
