"""What is made before the first task because each task would make it again: patterns and formats that stand literally in
the script, and modules of Python that its functions import. All of it depends on the script alone, never on a row."""

import ast
import codecs
import datetime
import importlib
import re
import struct
import sys
import time
import types
import warnings

# Sources of a script that are read for this, together. A larger package starts sooner without.
MOST_BYTES = 256 << 10
# Fewer than the patterns that `re` keeps, and than the formats that `_strptime` keeps.
MOST_PATTERNS = 200
MOST_FORMATS = 5

# Which argument has the flags, of each function that takes a pattern.
PATTERNS = {
    re.compile: 1, re.search: 2, re.match: 2, re.fullmatch: 2, re.findall: 2, re.finditer: 2, re.split: 3, re.sub: 4,
    re.subn: 4,
}
# Types whose attributes are looked up before the first task. Python remembers 4096 of these.
KINDS = [
    str, bytes, bytearray, int, float, bool, list, tuple, dict, set, frozenset, types.ModuleType, re.Pattern, re.Match,
    datetime.datetime, datetime.date, datetime.time, datetime.timedelta,
]
MOST_ATTRIBUTES = 100
STRUCTS = {struct.pack, struct.pack_into, struct.unpack, struct.unpack_from, struct.iter_unpack, struct.calcsize}


class Reader(ast.NodeVisitor):
    """Finds what a module's functions need, by the values that the module's names have before the first task."""

    def __init__(self, names: dict[str, object], stdlib):
        self.names = names
        self.stdlib = stdlib
        self.patterns: dict[tuple, set[str]] = {}
        self.formats: set[str] = set()
        self.codecs: set[str] = set()
        self.structs: set[str | bytes] = set()
        self.imports: set[str] = set()
        self.attributes: set[str] = set()

    def visit_Import(self, node):
        self.imports.update(name.name for name in node.names if self.stdlib(name.name))

    def visit_ImportFrom(self, node):
        if not node.level and node.module and self.stdlib(node.module):
            self.imports.add(node.module)

    def visit_Attribute(self, node):
        self.generic_visit(node)
        self.attributes.add(node.attr)

    def visit_Call(self, node):
        self.generic_visit(node)
        arguments = [self.value(argument) for argument in node.args]
        function = self.value(node.func)
        if isinstance(node.func, ast.Attribute):
            self.method(node.func.attr, self.value(node.func.value), arguments)
        if not arguments or not isinstance(function, types.FunctionType | types.BuiltinFunctionType):
            return
        if function in PATTERNS:
            self.pattern(function, arguments, {word.arg: self.value(word.value) for word in node.keywords})
        elif function in STRUCTS and isinstance(arguments[0], (str, bytes)):
            self.structs.add(arguments[0])
        elif function is time.strptime:
            self.format(arguments)

    def method(self, name, owner, arguments):
        if name == "strptime" and owner in (datetime.datetime, datetime.date, datetime.time):
            self.format(arguments)
        elif name in ("encode", "decode") and arguments and isinstance(arguments[0], str):
            self.codecs.add(arguments[0])
        elif name in ("sub", "subn") and isinstance(owner, re.Pattern) and arguments:
            self.template((owner.pattern, owner.flags), arguments[0])

    def format(self, arguments):
        if len(arguments) == 2 and isinstance(arguments[1], str):
            self.formats.add(arguments[1])

    def pattern(self, function, arguments, words):
        at = PATTERNS[function]
        flags = words["flags"] if "flags" in words else arguments[at] if at < len(arguments) else 0
        if isinstance(arguments[0], (str, bytes)) and isinstance(flags, int):
            key = arguments[0], flags
            self.patterns.setdefault(key, set())
            if function in (re.sub, re.subn) and len(arguments) > 1:
                self.template(key, arguments[1])

    def template(self, key, text):
        if isinstance(text, (str, bytes)):
            self.patterns.setdefault(key, set()).add(text)

    def value(self, node):
        """The value of an expression, if it is a literal or has a name at the top of the module or of one of Python's."""
        match node:
            case ast.Constant():
                return node.value
            case ast.Name():
                return self.names.get(node.id, sys.modules.get(node.id) if self.stdlib(node.id) else None)
            case ast.Attribute():
                owner = self.value(node.value)
                return vars(owner).get(node.attr) if isinstance(owner, types.ModuleType) else None
            case ast.BinOp(op=ast.BitOr()):
                sides = self.value(node.left), self.value(node.right)
                return sides[0] | sides[1] if all(isinstance(side, int) for side in sides) else None
        return None


def modules(bundle) -> list[tuple[str, dict[str, object]]]:
    """The files of a script that were executed, the script first, with the names at their top."""
    found = [(bundle.main, vars(bundle.module))]
    for module in list(sys.modules.values()):
        spec = getattr(module, "__spec__", None)
        if getattr(spec, "loader", None) is bundle and module is not bundle.module:
            found.append((bundle.file_of(spec.name)[0], vars(module)))
    return found


def quietly(function, *arguments) -> None:
    """An error is the task's, which does the same again."""
    try:
        function(*arguments)
    except Exception:
        pass


def warm(bundle, stdlib) -> None:
    """Makes what the functions of a script need."""
    left, patterns, formats = MOST_BYTES, MOST_PATTERNS, MOST_FORMATS
    # Whatever would warn does so in each task.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for file, names in modules(bundle):
            source = bundle.files[file]
            left -= len(source)
            if left < 0:
                return
            reader = Reader(names, stdlib)
            quietly(lambda: reader.visit(ast.parse(source)))
            for name in reader.imports - sys.modules.keys():
                quietly(importlib.import_module, name)
            for name in reader.codecs:
                quietly(codecs.lookup, name)
            for form in reader.structs:
                quietly(struct.calcsize, form)
            for form in list(reader.formats)[:formats]:
                quietly(time.strptime, "", form)
            for (pattern, flags), templates in list(reader.patterns.items())[:patterns]:
                quietly(lambda: [re.compile(pattern, flags).sub(text, pattern[:0]) for text in templates or {pattern[:0]}])
            for name in list(reader.attributes)[:MOST_ATTRIBUTES]:
                for kind in KINDS:
                    getattr(kind, name, None)
            formats -= len(reader.formats)
            patterns -= len(reader.patterns)
