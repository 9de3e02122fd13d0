"""Progress of `map`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: A bar of tqdm, nothing, or a function of the number of results and of all rows.
Progress = bool | Callable[[int, int | None], Any]


def reporter(progress: Progress, total: int | None) -> Callable[[int], None] | None:
    """A function that is called with the number of results so far, and with -1 at the end."""
    if progress is False:
        return None
    if progress is not True:
        return lambda done: progress(done, total) if done >= 0 else None
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    bar = tqdm(total=total)

    def report(done: int) -> None:
        if done < 0:
            bar.close()
        else:
            bar.update(done - bar.n)

    return report
