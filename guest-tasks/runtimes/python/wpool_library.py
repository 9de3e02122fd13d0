"""Whether the native library fits this CPython. It writes counts of references at the place that one layout of objects has;
in another it would write into something else, and nobody would notice. So a runtime is only made with it if CPython says
that it is the one that the library was written for, and if the library sees and does the right thing to objects of each
kind that it is used on."""

import sys
import types

import wpool_native

# The library was written after `Include/object.h` and `Include/refcount.h` of this version.
VERSION = (3, 14)
# The count of references and the type, 4 bytes each. Without a GIL, or with 64 bits, there is more.
HEAD = 8
# CPython takes objects with this count, or more, for immortal.
IMMORTAL = 1 << 30
# A count that nothing else in an object has by chance.
MORE = 12345


class Unfit(ImportError):
    """The library must not be used."""


def check(library=wpool_native) -> None:
    """Raises `Unfit` if there is a library that does not fit."""
    if library.settle is None:
        return
    flaw = of_build() or of_objects(library)
    if flaw:
        raise Unfit(f"the native library does not fit this Python: {flaw}")


def of_build() -> str | None:
    """What is different about this build."""
    name, version = sys.implementation.name, sys.version_info[:2]
    if (name, version) != ("cpython", VERSION):
        return f"it is {name} {version[0]}.{version[1]}, and not CPython {VERSION[0]}.{VERSION[1]}"
    if sys.maxsize != (1 << 31) - 1:
        return "it does not have 32 bits"
    # `t` is a build without a GIL, `d` one with checks.
    if getattr(sys, "abiflags", "") or hasattr(sys, "gettotalrefcount") or not getattr(sys.flags, "gil", 1):
        return f"it is a special build ({getattr(sys, 'abiflags', '') or 'd'})"
    if object.__basicsize__ != HEAD:
        return f"the head of an object has {object.__basicsize__} bytes, and not {HEAD}"
    return None


def of_objects(library) -> str | None:
    """What the library does wrong. Nothing is written before all counts were read right."""
    for flaw_of in (of_reading, of_writing):
        things = samples()
        while things:
            flaw = flaw_of(library, things[-1])
            if flaw:
                return f"{flaw} of a {type(things[-1]).__name__}"
            things.pop()
    return None


def of_reading(library, thing: object) -> str | None:
    count, real = library.count, sys.getrefcount
    first = count(thing)
    if first != real(thing) or is_immortal(thing):
        return "it does not find the count"
    more = [thing] * MORE
    if count(thing) != real(thing) or count(thing) != first + MORE:
        return "it does not see the count change"
    del more
    return None if count(thing) == first else "it does not see the count change back"


def of_writing(library, thing: object) -> str | None:
    count, real = library.count, sys.getrefcount
    before = looks(thing)
    if library.settle(thing) is not thing:
        return "it loses the place"
    settled = count(thing)
    if not is_immortal(thing) or settled < IMMORTAL or settled != real(thing):
        return "it does not set the count"
    more = [thing] * MORE
    del more
    if count(thing) != settled or real(thing) != settled:
        return "CPython counts on in the count"
    return None if looks(thing) == before else "it changes more than the count"


def is_immortal(thing: object) -> bool:
    known = getattr(sys, "_is_immortal", None)
    return known(thing) if known else sys.getrefcount(thing) >= IMMORTAL


def looks(thing: object) -> tuple:
    """What must stay as it is. Counts are not in it, and neither is a second look at them."""
    parts = thing.__dict__.copy() if type(thing) is types.ModuleType else repr(thing)
    return type(thing), sys.getsizeof(thing), parts, thing == thing


def samples() -> list[object]:
    """New objects of the kinds that are made immortal. Constants would be immortal already."""
    number = len(sys.modules) + 10**6

    def function():
        return number

    code = function.__code__.replace(co_name=f"name{number}")
    made = type(f"Type{number}", (), {"number": number})
    return [
        object(), number + 1, number + 10**20, number / 7, complex(number, 1), str(number) * 9, bytes([65]) * 99,
        (number, function), frozenset([number, function]), {"number": number}, [number], {number}, code, function, made,
        made(), types.ModuleType("sample"), types.CellType(number), property(function), staticmethod(function),
        classmethod(function), types.SimpleNamespace(number=number),
    ]


check()
