"""Where the sources of functions and classes are: in files, in the cells of notebooks, in what was typed."""

from __future__ import annotations

import __future__
import ast
import functools
import linecache
import types
from pickle import PicklingError
from typing import Any

from ._shipped.places import Piece, Place, codes, find, outermost, place


class _Parsed:
    """A source as pieces: the lines from which to which each statement at its top goes."""

    def __init__(self, text: str, name: str) -> None:
        self.tree = ast.parse(text, name)
        self.lines = text.splitlines(keepends=True)
        self.name, self._text = name, text
        self.flags = 0
        self._spans: list[tuple[int, int]] = []
        for node in self.tree.body:
            if isinstance(node, ast.ImportFrom) and node.module == "__future__":
                for one in node.names:
                    self.flags |= getattr(__future__, one.name).compiler_flag
            first = min([node.lineno] + [it.lineno for it in getattr(node, "decorator_list", ())])
            last = node.end_lineno or node.lineno
            if self._spans and first <= self._spans[-1][1]:
                # Statements that share a line.
                first, last = self._spans[-1][0], max(last, self._spans.pop()[1])
            self._spans.append((first, last))

    def piece(self, line: int) -> Piece | None:
        for first, last in self._spans:
            if first <= line <= last:
                return Piece(self.name, first, "".join(self.lines[first - 1 : last]), self.flags)
        return None


    @functools.cached_property
    def _codes(self) -> dict[Place, list[types.CodeType]]:
        found: dict[Place, list[types.CodeType]] = {}
        for code in codes(compile(self._text, self.name, "exec", dont_inherit=True)):
            found.setdefault(place(code), []).append(code)
        return found

    def has(self, code: types.CodeType) -> bool:
        return any(one.co_code == code.co_code for one in self._codes.get(place(code), ()))


@functools.lru_cache(maxsize=32)
def _parsed(text: str, name: str) -> _Parsed:
    return _Parsed(text, name)


def piece(code: types.CodeType, space: dict[str, Any], owner: str) -> tuple[Piece, types.CodeType]:
    """The piece of a source with a code, and the code as the source has it."""
    path = code.co_filename
    # Through the module: doctest puts another function there.
    lines = linecache.getlines(path, space)
    if not lines:
        raise PicklingError(
            f"{owner} has no source: it comes from {path}. Functions go to the sandbox as source; define it in a file or in a "
            "notebook"
        )
    try:
        parsed = _parsed("".join(lines), path)
        piece = parsed.piece(code.co_firstlineno)
        found = find(piece, place(code, piece.first)) if piece else None
    except SyntaxError:
        piece = found = None
    # The compiler knows the imports of a whole file, and so calls their functions in another way.
    if piece and found and (found.co_code == code.co_code or parsed.has(code) or _is_of_pytest(code)):
        return piece, found
    raise PicklingError(
        f"the source of {owner} cannot be found in {path}: it was made by a program, or the file has changed since it was read"
    )


def _is_of_pytest(code: types.CodeType) -> bool:
    """Whether pytest has put its own code in the place of assertions."""
    return any(name.startswith("@py") for inner in codes(code) for name in inner.co_names + inner.co_varnames)


def of_class(kind: type, module: types.ModuleType | None) -> tuple[Piece, ast.ClassDef] | None:
    """The piece with the statement of a class, if it stands at the top of its source."""
    if "<locals>" in kind.__qualname__:
        return None
    space = vars(module) if module is not None else {}
    for path in _paths(kind, module):
        lines = linecache.getlines(path, space)
        try:
            parsed = _parsed("".join(lines), path)
        except SyntaxError:
            continue
        statement = outermost(parsed.tree, kind.__qualname__)
        found = parsed.piece(statement.lineno) if statement is not None else None
        if statement is not None and found is not None:
            return found, statement
    return None


def _paths(kind: type, module: types.ModuleType | None) -> list[str]:
    if path := getattr(module, "__file__", None):
        return [path]
    members = [it for it in vars(kind).values() if isinstance(it, types.FunctionType)]
    paths = [it.__code__.co_filename for it in members if not it.__code__.co_filename.startswith("<string")]
    # In a notebook or at a prompt: whichever was typed last.
    typed = [name for name in reversed(list(linecache.cache)) if name.startswith("<") or "ipykernel" in name]
    return paths + typed


def class_names(statement: ast.ClassDef) -> tuple[frozenset[str], frozenset[str]]:
    """The names that a class statement needs to be executed, and those that its methods need later."""
    now: set[str] = set()
    later: set[str] = set()

    def walk(node: ast.AST, names: set[str]) -> None:
        if isinstance(node, ast.Name):
            names.add(node.id)
        body = getattr(node, "body", [])
        is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for child in ast.iter_child_nodes(node):
            is_in_body = is_function and (child is body or isinstance(body, list) and child in body)
            walk(child, later if is_in_body else names)

    walk(statement, now)
    return frozenset(now), frozenset(later - now)
