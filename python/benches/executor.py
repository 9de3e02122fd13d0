"""wasmpool's Executor beside ProcessPoolExecutor, in interleaved rounds: medians, smallest and largest.

    python benches/executor.py [ROUNDS [TASKS]]

The program does nothing (guest-tasks/wat/noop.wat), or returns its row (echo.wat); so does the peer's function.
"""

import os
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from wasmpool import Executor

GUESTS = Path(__file__).resolve().parents[2] / "guest-tasks"
WORKERS = len(os.sched_getaffinity(0))


def echo(row):
    return row


def squares(n):
    total = 0
    for i in range(n):
        total += i * i
    return total


def submit_all(executor, function, tasks):
    futures = [executor.submit(*function, 1) for _ in range(tasks)]
    for future in futures:
        future.result()


def one_by_one(executor, function, tasks):
    for _ in range(tasks):
        executor.submit(*function, 1).result()


def map_all(executor, function, tasks, **how):
    for _ in executor.map(*function, range(tasks), **how):
        pass


def seconds(work, *args, **how):
    start = time.perf_counter()
    work(*args, **how)
    return time.perf_counter() - start


def compare(name, rounds, ours, theirs, per):
    """Alternates, so that both meet the same load. `per` makes a figure of the seconds of a round."""
    figures = ([], [])
    for _ in range(rounds):
        for side, work in zip(figures, (ours, theirs), strict=True):
            side.append(per(work()))
    mine, peer = map(statistics.median, figures)
    spread = "   ".join(f"{min(side):,.0f} to {max(side):,.0f}" for side in figures)
    print(f"{name:32} {mine:12,.0f} {peer:12,.0f} {mine / peer:8.2f} x   {spread}", flush=True)


def main(rounds=5, tasks=10_000):
    print(f"{WORKERS} workers, {rounds} rounds{'':14} wasmpool          PPE    ratio   (spread of each)")
    with Executor(str(GUESTS / "wat" / "echo.wat"), max_workers=WORKERS) as ours, ProcessPoolExecutor(WORKERS) as peer:
        for executor, function in ((ours, ()), (peer, (echo,))):
            submit_all(executor, function, 1000)
        rate = lambda count: lambda seconds: count / seconds  # noqa: E731
        compare(
            "submit and wait, µs",
            rounds,
            lambda: seconds(one_by_one, ours, (), tasks // 10),
            lambda: seconds(one_by_one, peer, (echo,), tasks // 10),
            lambda seconds: seconds * 1e6 / (tasks // 10),
        )
        compare(
            "submit all, tasks/s",
            rounds,
            lambda: seconds(submit_all, ours, (), tasks),
            lambda: seconds(submit_all, peer, (echo,), tasks),
            rate(tasks),
        )
        compare(
            "map, rows/s",
            rounds,
            lambda: seconds(map_all, ours, (), 10 * tasks) / 10,
            lambda: seconds(map_all, peer, (echo,), tasks),
            rate(tasks),
        )
        compare(
            "map, PPE with chunksize=100",
            rounds,
            lambda: seconds(map_all, ours, (), 10 * tasks),
            lambda: seconds(map_all, peer, (echo,), 10 * tasks, chunksize=100),
            rate(10 * tasks),
        )
    guest = str(GUESTS / "sum-of-squares.wasm")
    with Executor(guest, max_workers=WORKERS) as ours, ProcessPoolExecutor(WORKERS) as peer:
        rows = [200_000] * 50
        compare(
            "sum of squares < 200 000, rows/s",
            rounds,
            lambda: seconds(lambda: list(ours.map(rows))),
            lambda: seconds(lambda: list(peer.map(squares, rows))),
            rate(len(rows)),
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
