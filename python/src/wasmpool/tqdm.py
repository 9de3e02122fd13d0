"""tqdm's `process_map` in sandboxes: the results of a function as a list, with a bar.

    from wasmpool.tqdm import process_map

    squares = process_map(square, range(1000), max_workers=2, desc="squares")
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tqdm.auto import tqdm

from ._pool import length
from ._sandbox import SandboxExecutor


def process_map(
    function: Callable[..., Any],
    *iterables: Iterable[Any],
    max_workers: int | None = None,
    timeout: float | None = None,
    chunksize: int | None = None,
    buffersize: int | None = None,
    limits: Mapping[str, Any] | None = None,
    tqdm_class: Any = tqdm,
    lock_name: str = "",
    **bar: Any,
) -> list[Any]:
    """As `tqdm.contrib.concurrent.process_map`, with the keyword arguments of the bar. `limits` are further arguments of
    `SandboxExecutor`. `lock_name` has no meaning, because no bar is drawn in a sandbox."""
    bar.setdefault("total", length(iterables))
    with SandboxExecutor(max_workers, **(limits or {})) as executor, tqdm_class(**bar) as shown:
        results = executor.map(
            function,
            *iterables,
            timeout=timeout,
            chunksize=chunksize,
            buffersize=buffersize,
            progress=lambda done, total: shown.update(),
        )
        return list(results)
