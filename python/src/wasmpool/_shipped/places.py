"""Codes and class statements in a piece of a source.

A piece is one statement at the top of a file, with the number of its first line. It is compiled on its own: a task that brings
its function does not pay for the rest of the file.
"""

from __future__ import annotations

import ast
import functools
import types
from collections.abc import Iterator
from typing import NamedTuple

#: The name of a code, the line in its piece where it begins, and the column of its first expression.
Place = tuple[str, int, int]


class Piece(NamedTuple):
    #: The path of the file, or the name of the cell.
    name: str
    #: The number of its first line in the file.
    first: int
    text: str
    #: What `from __future__` imports mean to the compiler.
    flags: int


def codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """A code and all that are in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes(constant)


def place(code: types.CodeType, first: int = 1) -> Place:
    """What finds a code again, whatever version compiles its piece."""
    starts = [(line, column) for line, _, column, _ in code.co_positions() if line and column is not None and column > 0]
    inner = [start for start in starts if start[0] >= code.co_firstlineno]
    return code.co_qualname, code.co_firstlineno - first + 1, min(inner, default=(0, 0))[1]


@functools.lru_cache(maxsize=64)
def _compiled(piece: Piece) -> dict[Place, types.CodeType]:
    code = compile(piece.text, piece.name, "exec", flags=piece.flags, dont_inherit=True)
    return {place(inner): inner for inner in codes(code)}


def find(piece: Piece, wanted: Place) -> types.CodeType | None:
    """The code at a place, with the lines of its piece."""
    found = _compiled(piece)
    if wanted in found:
        return found[wanted]
    # Columns differ between versions where nothing else does.
    same = [code for (qualname, line, _), code in found.items() if (qualname, line) == wanted[:2]]
    return same[0] if len(same) == 1 else None


def moved(code: types.CodeType, lines: int) -> types.CodeType:
    """The code as it would be so many lines further down."""
    inner = [moved(one, lines) if isinstance(one, types.CodeType) else one for one in code.co_consts]
    return code.replace(co_firstlineno=code.co_firstlineno + lines, co_consts=tuple(inner))


def outermost(tree: ast.AST, qualname: str) -> ast.ClassDef | None:
    """The last statement of the outermost class around a class."""
    first = qualname.split(".")[0]
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == first]
    return max(found, key=lambda node: node.lineno, default=None)


def statement(piece: Piece, qualname: str) -> types.CodeType | None:
    """The code of the statement of a class."""
    found = outermost(ast.parse(piece.text, piece.name), qualname)
    if found is None:
        return None
    ast.increment_lineno(found, piece.first - 1)
    module = ast.Module([found], [])
    return compile(module, piece.name, "exec", flags=piece.flags, dont_inherit=True)
