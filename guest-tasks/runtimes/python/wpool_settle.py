"""Objects that stay are made immortal before the first task. Tasks then do not write their counts of references, which
lie on pages all over the memory, and each page that a task writes is copied back after it."""

import gc
import re
import sys
import types

import wpool_library  # noqa: F401: refuses a library that does not fit
import wpool_native

# A script with larger tables than this starts sooner without.
MOST_OBJECTS = 200_000
MOST_SEEN = 1_000_000
# A text that is larger has pages of its own, and one that a task drops should give its memory back.
MOST_TEXT = 16 << 10

# Types of objects whose end nobody notices: they have no finalizers, and whatever they hold is of a module or a class.
# Dictionaries, lists and instances of a script's classes keep their counts.
PLAIN = (
    type, types.FunctionType, types.CodeType, types.BuiltinFunctionType, types.MethodDescriptorType,
    types.WrapperDescriptorType, types.GetSetDescriptorType, types.MemberDescriptorType, types.ModuleType,
    types.CellType, property, staticmethod, classmethod, int, float, complex, bool, re.Pattern,
)
TEXTS = (str, bytes)
HOLDERS = (tuple, frozenset)
# What runs at the moment, and ends.
RUNNING = (types.FrameType, types.TracebackType, types.GeneratorType, types.CoroutineType)


def parts(thing: object) -> list[object]:
    """The objects that an object refers to."""
    if type(thing) is types.CodeType:
        # The collector does not know what they refer to.
        return [
            thing.co_consts, thing.co_names, thing.co_varnames, thing.co_freevars, thing.co_cellvars,
            thing.co_filename, thing.co_name, thing.co_qualname, thing.co_linetable, thing.co_exceptiontable,
        ]
    return gc.get_referents(thing)


def of_script(thing: object) -> bool:
    kind = type(thing)
    return kind in PLAIN or kind in HOLDERS or isinstance(thing, type) or kind in TEXTS and len(thing) <= MOST_TEXT


def of_runtime(thing: object) -> bool:
    return type(thing) not in RUNNING


def settle(is_settled=of_script) -> None:
    """Makes objects immortal that the collector does not leave alone yet, and whatever they refer to."""
    everything = gc.get_objects()
    if wpool_native.settle is None or len(everything) > MOST_OBJECTS:
        return
    try:
        settle_all(everything, is_settled)
    except MemoryError:
        # A run with little memory counts its references.
        pass


def settle_all(everything: list[object], is_settled) -> None:
    is_immortal, keep = sys._is_immortal, wpool_native.settle
    # The dictionaries of modules are as lasting as they are.
    names = {id(vars(module)) for module in sys.modules.values() if isinstance(module, types.ModuleType)}
    left, seen = [], 0
    for thing in everything:
        if thing is everything or type(thing) in RUNNING:
            continue
        if not is_immortal(thing) and (is_settled(thing) or id(thing) in names):
            keep(thing)
        left += parts(thing)
        while left and seen < MOST_SEEN:
            part = left.pop()
            seen += 1
            if part is not everything and not is_immortal(part) and is_settled(part):
                keep(part)
                left += parts(part)
        left.clear()


def settle_these(things: list[object]) -> None:
    """Makes objects of the runtime immortal."""
    if wpool_native.settle is not None:
        for thing in things:
            wpool_native.settle(thing)
