"""The outputs that results of a script become."""

import json
import sys

EXPECTED = "return str, bytes, a number, True, False, None, a list or a dict"
# What makes a value of JSON of a value of these types, by the names of the types and of those that they come from.
ADVICE = {
    "set": "sorted(…) makes a list of it",
    "frozenset": "sorted(…) makes a list of it",
    "bytes": ".decode() or base64 makes a str of it",
    "bytearray": ".decode() or base64 makes a str of it",
    "Decimal": "str(…) keeps its digits, float(…) makes a number of it",
    "Fraction": "str(…) keeps it, float(…) makes a number of it",
    "complex": "[z.real, z.imag] is a list of its parts",
    "date": ".isoformat() makes a str of it",
    "time": ".isoformat() makes a str of it",
    "timedelta": ".total_seconds() makes a number of it",
    "Enum": ".value is its value",
    "PurePath": "str(…) makes a str of it",
    "UUID": "str(…) makes a str of it",
    "BaseException": "str(…) is its message",
    "Pattern": ".pattern is its text",
    "Match": ".group() is its text, .groupdict() its groups",
    "module": "it is a module, and not a value",
    "type": "it is a class, and not a value of it",
    "coroutine": "`async def run` awaits it",
    "function": "it was not called: are () missing?",
    "method": "it was not called: are () missing?",
    "builtin_function_or_method": "it was not called: are () missing?",
}
ITERABLE = "list(…) makes a list of it"
# Most parts of the way to a value that a message has.
MOST_STEPS = 8


class Unfit(Exception):
    """The script, or a result, is not of the form that it must have."""


def refuse(value: object):
    """What the encoder calls for a value that JSON cannot hold."""
    if type(value).__name__ == "coroutine":
        # Nobody has to hear that it was never awaited.
        value.close()
    raise Unfit(f"a value of type {type(value).__name__}", advice(value))


# Results of these types are outputs as they are.
CONTENT = bytes, bytearray, memoryview
# The values that hold the one that is being written.
HOLDERS: dict[int, object] = {}
KEPT: list[object] = []
# What `json.dumps(…, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=refuse)` makes anew in each call.
write = json.encoder.c_make_encoder(
    HOLDERS, refuse, json.encoder.encode_basestring, None, ":", ",", False, False, False
)


def advice(value: object) -> str:
    """How a value becomes one that JSON can hold."""
    if hasattr(type(value), "__dataclass_fields__"):
        return "dataclasses.asdict(…) makes a dict of it"
    for kind in type(value).__mro__:
        # A class of the script may have the same name.
        if kind.__name__ in ADVICE and kind.__module__.partition(".")[0] in sys.stdlib_module_names:
            return ADVICE[kind.__name__]
    if hasattr(type(value), "__iter__"):
        return ITERABLE
    return "vars(…) may make a dict of it" if getattr(value, "__dict__", None) else EXPECTED


def output(result: object, bare: bool) -> bytes:
    """The output that a result becomes."""
    if isinstance(result, CONTENT):
        return bytes(result)
    try:
        if bare and isinstance(result, str):
            return result.encode()
        return "".join(write(result, 0)).encode()
    except BaseException as error:
        HOLDERS.clear()
        message = fault(error, result)
        if message is None:
            raise
    raise Unfit(message)


def fault(error: BaseException, result: object) -> str | None:
    """What is wrong with a result. `None` for errors that are none of its own."""
    match error:
        case Unfit():
            return f"run returned {error.args[0]}{place(error)}; {error.args[1]}"
        case UnicodeEncodeError():
            return "run returned a text with half a character (a lone surrogate), which no output can hold"
        case TypeError() | ValueError():
            return f"run returned a value that JSON cannot hold{place(error)}: {error}"
        case RecursionError():
            # To give it back would take as many calls within calls.
            KEPT.append(result)
            return "run returned a value that is nested too deep for JSON"
    return None


def place(error: BaseException) -> str:
    """Where in the result the value is that JSON cannot hold. The encoder notes it from the inside to the outside."""
    steps = [note.rpartition(" item ")[2] for note in getattr(error, "__notes__", ()) if " item " in note]
    if not steps:
        return ""
    shown = "".join(f"[{step}]" for step in steps[::-1][:MOST_STEPS])
    return f" at {shown}{'…' * (len(steps) > MOST_STEPS)}"
