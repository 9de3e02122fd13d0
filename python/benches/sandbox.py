"""SandboxExecutor and Executor beside ProcessPoolExecutor, in interleaved rounds: medians, smallest and largest.

    python benches/sandbox.py [ROUNDS [TASKS]]

Functions are those of this file, and the programs are Rust guests of the repository that compute the same.
"""

import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from executor import GUESTS, WORKERS, compare, map_all, one_by_one, seconds, submit_all
from wasmpool import Executor, SandboxExecutor


def trivial(row):
    return row


def short(row):
    """About 100 µs of work."""
    total = 0
    for i in range(2500):
        total += i * row
    return total


def sum_of_squares(n):
    total = 0
    for i in range(n):
        total += i * i
    return total


def is_prime(n):
    if n < 2:
        return False
    d = 2
    while d * d <= n:
        if n % d == 0:
            return False
        d += 1
    return True


def largest_prime_factor(n):
    d, last = 2, 1
    while d * d <= n:
        while n % d == 0:
            n, last = n // d, d
        d += 1
    return n if n > 1 else last


def spin():
    while True:
        pass


WORKLOADS = [
    ("sum-of-squares", sum_of_squares, [200_000] * 40),
    ("is-prime", is_prime, [2_147_483_647 - 2 * n for n in range(200)]),
    ("largest-prime-factor", largest_prime_factor, [4_294_967_291 - n for n in range(100)]),
]


def warmed(pool, function):
    """Until the function is a part of the snapshot."""
    while pool.submit(function, 1).result() is not None and not any(
        reference() is function for reference, known in pool._calls._known.values() if known in pool._functions
    ):
        list(pool.map(function, [1] * 500))


def tasks(rounds, count):
    with SandboxExecutor(WORKERS) as ours, ProcessPoolExecutor(WORKERS) as peer, Executor(
        str(GUESTS / "wat" / "echo.wat"), max_workers=WORKERS
    ) as program:
        warmed(ours, trivial)
        warmed(ours, short)
        list(peer.map(trivial, range(100)))
        for name, work, per in [
            ("submit and wait, µs", one_by_one, lambda s: s * 1e6 / (count // 10)),
            ("submit all, tasks/s", submit_all, lambda s: count / s),
            ("map, calls/s", map_all, lambda s: count / s),
        ]:
            size = count // 10 if work is one_by_one else count
            run = lambda pool, work=work, size=size: seconds(work, pool, (trivial,), size)  # noqa: E731
            compare(name, rounds, lambda run=run: run(ours), lambda run=run: run(peer), per)
        hundred = lambda pool: seconds(map_all, pool, (short,), count // 2)  # noqa: E731
        compare("map of 100 µs, calls/s", rounds, lambda: hundred(ours), lambda: hundred(peer), lambda s: count / 2 / s)
        compare(
            "map of a wasm program, rows/s",
            rounds,
            lambda: seconds(map_all, program, (), 10 * count) / 10,
            lambda: seconds(map_all, peer, (trivial,), count),
            lambda s: count / s,
        )


def workloads(rounds):
    for name, function, rows in WORKLOADS:
        with SandboxExecutor(WORKERS) as ours, ProcessPoolExecutor(WORKERS) as peer, Executor(
            str(GUESTS / f"{name}.wasm"), max_workers=WORKERS
        ) as program:
            expected = list(map(function, rows))
            assert list(ours.map(function, rows)) == list(program.map(rows)) == expected, name
            per = lambda s, rows=rows: len(rows) / s  # noqa: E731
            theirs = lambda: seconds(lambda: list(peer.map(function, rows)))  # noqa: B023, E731
            compare(f"{name}, Python", rounds, lambda: seconds(lambda: list(ours.map(function, rows))), theirs, per)  # noqa: B023
            compare(f"{name}, Rust", rounds, lambda: seconds(lambda: list(program.map(rows))), theirs, per)  # noqa: B023


def first_result():
    start = time.perf_counter()
    with SandboxExecutor(WORKERS) as pool:
        pool.submit(trivial, 1).result()
        return time.perf_counter() - start


def main(rounds=5, count=10_000):
    first_result()
    firsts = [first_result() * 1e3 for _ in range(2 * rounds)]
    print(f"first result with a cached image, ms: {statistics.median(firsts):.0f} ({min(firsts):.0f} to {max(firsts):.0f})")
    with SandboxExecutor(WORKERS, timeout=1) as pool:
        pool.submit(trivial, 1).result()
        start = time.perf_counter()
        endless = pool.submit(spin)
        others = [pool.submit(trivial, n) for n in range(100)]
        assert [other.result() for other in others] == list(range(100))
        between = time.perf_counter() - start
        assert isinstance(endless.exception(), TimeoutError)
        print(f"an endless call ends after {time.perf_counter() - start:.2f} s, its 100 neighbours after {between:.2f} s")
    print(f"{WORKERS} workers, {rounds} rounds{'':14} wasmpool          PPE    ratio   (spread of each)")
    tasks(rounds, count)
    workloads(rounds)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
