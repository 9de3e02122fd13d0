"""Where objects lie. Each page that a task writes is copied back after it, so what a task writes lies side by side: in zones,
and nowhere between the objects that stay."""

import contextvars
import gc
import types

import wpool_native
import wpool_settle

# Bytes of zones: for the code that every task runs, for a script, and for a task.
OF_CODE, OF_SCRIPT, OF_TASK = 64 << 10, 64 << 10, 192 << 10
# The C library's allocator adds 4 bytes to what is asked for, and gives multiples of 16 bytes; a bytes object asks for 17
# bytes more than its content has.
BESIDE = 4 + 17
# A gap of this size is as good as the memory behind everything.
LARGE = 64 << 10
# Small gaps are kept by their size, and one of another size is not taken.
SMALL = 512
PIECES = [LARGE >> by for by in range(1, 7)] + list(range(SMALL, BESIDE, -16))
# Gaps are some thousands. More than that would be a mistake.
MOST_PIECES = 100_000
MOST_LARGE = 1024
# What Python keeps of objects that have ended, for new ones (Include/internal/pycore_freelist_state.h): tuples of fewer parts
# than this, most of a type, and most keys of dictionaries.
MOST_PARTS = 21
MOST_KEPT = 2000
MOST_KEYS = 80


class Owner:
    def method(self) -> None:
        pass


OWNER = Owner()


def fill_gaps() -> None:
    """Fills the gaps between the objects that stay, with objects that stay. The C library gives them to tasks otherwise.
    Ends the zone that has begun, where the objects would lie."""
    if wpool_native.memory_end is None:
        return
    try:
        wpool_native.begin_zone(0)
        fill(wpool_native.memory_end())
    except MemoryError:
        # A run with little memory has its gaps.
        pass


def fill(end: int) -> None:
    """Fills the gaps before an address."""
    keep, left = wpool_native.settle, MOST_PIECES
    large = [None] * MOST_LARGE
    for at in range(len(large)):
        large[at] = bytes(LARGE - BESIDE)
        if id(large[at]) >= end:
            break
    for size in PIECES:
        while left > 0 and id(piece := bytes(size - BESIDE)) < end:
            keep(piece)
            left -= 1
    # The smallest of all.
    while left > 0 and id(piece := object()) < end:
        keep(piece)
        left -= 1


def begin_zone(size: int) -> None:
    """Lays what is new from now on side by side, in a zone of so many bytes."""
    if wpool_native.begin_zone is None:
        return
    try:
        zone = wpool_native.begin_zone(size)
        take_kept(zone, zone + size)
        # A zone of its own begins behind what was taken.
        wpool_native.settle(wpool_native.begin_zone(size))
    except MemoryError:
        # A run with little memory has no zones.
        pass


def take_kept(zone: int, end: int) -> None:
    """Takes what Python keeps of objects that have ended, for the next ones of their types. When it has nothing left of a
    type, the next one lies in the zone."""
    keep, nones, at = wpool_native.settle, (None,) * MOST_PARTS, 10**6
    makers = [lambda size=size: nones[:size] for size in range(1, MOST_PARTS)]
    makers += [
        lambda: at / 7, lambda: complex(at, 1), list, dict, lambda: slice(at), lambda: range(at), lambda: iter(range(at)),
        lambda: iter(nones), lambda: iter([]), lambda: OWNER.method, lambda: nones.index, contextvars.Context, lambda: at + 1,
    ]  # fmt: skip
    for _ in range(MOST_KEYS):
        keep({at: at})
    for make in makers:
        for _ in range(MOST_KEPT):
            thing = make()
            if zone <= id(thing) < end:
                break
            keep(thing)
    wpool_settle.settle_these([zone, end])


def lay_together(things: list[object]) -> None:
    """Lays the code of the functions among them side by side. Python counts in it how often it does what it cannot adapt to."""
    for thing in things:
        if type(thing) is types.FunctionType:
            thing.__code__ = thing.__code__.replace()


def keep_callers(*things: object) -> None:
    """Keeps the method and the arguments of a call that comes from outside. When they ended after it, the next call would
    have them at their old place."""
    kinds = types.MethodType, tuple
    wpool_settle.settle_these([holder for thing in things for holder in gc.get_referrers(thing) if type(holder) in kinds])
