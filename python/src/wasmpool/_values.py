"""Python values as rows, and outputs as Python values. Outputs are data: nothing in them is ever run."""

import json
from collections.abc import Callable
from typing import Any, Literal

#: How outputs are read: as their rows were given, or all alike.
Output = Literal["auto", "json", "text", "bytes"]

_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_BYTES = (bytes, bytearray, memoryview)
# `encode` makes one of these for each value, which takes longer than most values do.
_make: Any = getattr(json.encoder, "c_make_encoder", None)
_parts: Any = _make and _make(None, _encoder.default, json.encoder.encode_basestring, None, ":", ",", False, False, False)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse)
# Without the search for white space around the value, which costs as much as the value.
_scan: Callable[[str, int], tuple[Any, int]] = _decoder.scan_once


def row(value: Any) -> tuple[bytes, bool]:
    """The bytes of a row, and whether they were given as bytes."""
    if type(value) is int:
        return b"%d" % value, False
    if isinstance(value, _BYTES):
        return bytes(value), True
    if _parts is not None:
        try:
            return "".join(_parts(value, 0)).encode(), False
        except Exception:
            # `encode` says what is wrong with it.
            pass
    return _encoder.encode(value).encode(), False


def json_output(output: bytes) -> Any:
    """The JSON value of an output, its text if it is not JSON, or its bytes if it is not text."""
    try:
        text = output.decode()
    except UnicodeDecodeError:
        return output
    try:
        value, end = _scan(text, 0)
        if end == len(text):
            return value
    except (ValueError, RecursionError, StopIteration):
        pass
    try:
        return _decoder.decode(text)
    # Also numbers of too many digits, and values that are nested too deep.
    except (ValueError, RecursionError):
        return text.removesuffix("\n")


def _auto(output: bytes, was_bytes: bool) -> Any:
    return output if was_bytes else json_output(output)


#: How outputs become values: functions of an output, and whether its row was bytes.
READERS: dict[Output, Callable[[bytes, bool], Any]] = {
    "auto": _auto,
    "json": lambda output, _: json_output(output),
    "text": lambda output, _: output.decode(errors="replace"),
    "bytes": lambda output, _: output,
}
