"""The programs of the tests, and what the tests share."""

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

GUESTS = Path(__file__).resolve().parents[2] / "guest-tasks"
#: Longer than anything takes, unless it hangs.
HANG = 60


def guest(name: str) -> str:
    return str(GUESTS / f"{name}.wasm")


def wat(name: str) -> str:
    return str(GUESTS / "wat" / f"{name}.wat")


def python(code: str, **options) -> subprocess.CompletedProcess:
    """Runs a script in an interpreter of its own."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=HANG, **options
    )


def children(pid: int) -> list[int]:
    """The processes below a process."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            direct = [int(child) for child in task.read_text().split()]
        except OSError:
            continue
        for child in direct:
            found += [child, *children(child)]
    return found


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def until(condition, what: str):
    """Waits for something that has no event to wait for."""
    end = time.monotonic() + HANG
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {HANG} s")
        time.sleep(0.01)
    return value


def all_gone(pids: list[int]) -> bool:
    return not any(map(is_alive, pids))


def this_process() -> int:
    return os.getpid()
