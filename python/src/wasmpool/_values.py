"""Python values as rows, and outputs as Python values. Outputs are data: nothing in them is ever run."""

import json
from typing import Any, Literal

#: How outputs are read: as their rows were given, or all alike.
Output = Literal["auto", "json", "text", "bytes"]
OUTPUTS = ("auto", "json", "text", "bytes")

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


_decode = json.JSONDecoder(parse_constant=_refuse).decode


def row(value: Any) -> tuple[bytes, bool]:
    """The bytes of a row, and whether they were given as bytes."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value), True
    return _encode(value).encode(), False


def json_output(output: bytes) -> Any:
    """The JSON value of an output, its text if it is not JSON, or its bytes if it is not text."""
    try:
        text = output.decode()
    except UnicodeDecodeError:
        return output
    try:
        return _decode(text)
    # Also numbers of too many digits, and values that are nested too deep.
    except (ValueError, RecursionError):
        return text.removesuffix("\n")


def output(output: bytes, how: Output, was_bytes: bool) -> Any:
    """An output as it was asked for."""
    if how == "bytes" or (how == "auto" and was_bytes):
        return output
    if how == "text":
        return output.decode(errors="replace")
    return json_output(output)
