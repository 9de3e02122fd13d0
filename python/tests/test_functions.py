"""Functions travel by source, and only data comes back."""

import sys
import tempfile
import threading
import unittest
from pathlib import Path
from pickle import PicklingError

import function_cases
from wasmpool._functions import Bundle, Classes
from wasmpool._results import Results
from wasmpool._shipped import data as _data
from wasmpool._shipped.loader import Loader, World


def outcome(call):
    try:
        return "value", call()
    except Exception as error:
        return "error", error


def called(data: bytes) -> bytes:
    """What the sandbox does."""
    loader = Loader(data, World())
    function, args = loader.value
    return _data.dumps(outcome(lambda: function(*args)), loader.extend)


class CasesTest(unittest.TestCase):
    def test_every_case_has_the_result_of_a_call(self):
        for name, (function, args) in function_cases.CASES.items():
            if name == "shared cells":
                function = function_cases.make_counter()
            classes = Classes()
            # Before the call, which may change what a closure holds.
            data = Bundle(classes).dumps((function, args))
            wanted = outcome(lambda function=function, args=args: function(*args))
            with self.subTest(name):
                kind, value = Results(classes).loads(called(data))
                self.assertEqual((kind, type(value)), (wanted[0], type(wanted[1])), value)
                if kind == "error":
                    self.assertEqual((value.args, vars(value)), (wanted[1].args, vars(wanted[1])))
                else:
                    self.assertEqual(value, wanted[1])


class RefusedTest(unittest.TestCase):
    def refused(self, value, said):
        with self.assertRaisesRegex(PicklingError, said):
            Bundle(Classes()).dumps(value)

    def test_a_function_without_source_is_refused_with_a_sentence(self):
        space = {}
        exec("def made(): return 1", space)
        self.refused(space["made"], "made has no source")

    def test_a_source_that_has_changed_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "changing.py")
            path.write_text("def f():\n    return 1\n")
            space = {"__name__": "changing"}
            exec(compile(path.read_text(), str(path), "exec"), space)
            path.write_text("def f():\n    return [2, 3]\n")
            self.refused(space["f"], "the file has changed")

    def test_a_value_without_form_is_named_with_its_function(self):
        lock = threading.Lock()
        self.refused(lambda: lock, "lock")
        own = sys.modules["wasmpool._functions"]
        self.refused(own, "the module wasmpool._functions is not in the sandbox; name its package wasmpool in modules")
        self.refused(uses_a_lock, "uses_a_lock uses LOCK .*; make it in the function, or in an initializer")

    def test_a_class_in_a_function_is_refused(self):
        class Local:
            pass

        self.refused(Local, "no statement at the top of a file")


LOCK = threading.Lock()


def uses_a_lock():
    return LOCK


class Trap:
    """Its state is read by code of its own."""

    def __setstate__(self, state):
        raise AssertionError("it ran on the host")

    __init__ = __setstate__


class HostileResultsTest(unittest.TestCase):
    def test_only_instances_of_what_was_sent_come_back(self):
        classes = Classes()
        sent = [function_cases.Point, function_cases.Color, function_cases.Wrong, Trap]
        Bundle(classes).dumps(sent)
        numbers = {kind.__name__: classes.number(kind) for kind in sent}
        reader = Results(classes)

        def hostile(kind, content, classes=True):
            # As a captured sandbox writes it: a class is an extension with a number.
            class Named:
                def __init__(self, kind, content):
                    self.kind, self.content = kind, content

            def extend(value):
                return value.kind, value.content

            of = lambda name: Named("class", numbers[name])  # noqa: E731
            return _data.dumps(Named(kind, content(of) if callable(content) else content), extend)

        for name, data in {
            "a class that was not sent": hostile("class", 99),
            "a class by name": hostile("import", ("os", "system")),
            "a module": hostile("module", "os"),
            "a method": hostile("method", ("text", "upper")),
            "a partial": hostile("partial", (1, (), {})),
            "an item": hostile("item", 0),
            "an unknown kind": hostile("evil", None),
            "a class of the library": hostile("named", ("subprocess", "Popen")),
            "a class that runs code when it is looked up": hostile("named", ("enum", "property.fget")),
            "an endless queue": hostile("deque", ([], 1 << 80)),
            "a factory by name": hostile("defaultdict", ("exec", {})),
            "a path of a class by name": hostile("path", ("Popen", "sh")),
            "a path that is no text": hostile("path", ("PosixPath", 1)),
            "a pattern": hostile("pattern", ("(a+)+$", 0)),
            "a logger": hostile("logger", "asyncio"),
            "an error of no class": hostile("builtin-error", "print"),
            "the exit": hostile("builtin-error", "SystemExit"),
            "an instance of a plain class": hostile("instance", lambda of: (of("Trap"), {})),
            "a member that is not a field": hostile("instance", lambda of: (of("Point"), {"z": 1})),
            "a member with underscores": hostile("instance", lambda of: (of("Point"), {"__class__": 1})),
            "an instance of a number": hostile("instance", (1, {})),
            "a color that there is not": hostile("enum", lambda of: (of("Color"), "GREEN")),
            "a color of a dataclass": hostile("enum", lambda of: (of("Point"), "x")),
            "a tuple of a dataclass": hostile("tuple", lambda of: (of("Point"), (1, 2))),
            "an error of a dataclass": hostile("error", lambda of: (of("Point"), (), {})),
            "an error whose members are special": hostile("error", lambda of: (of("Wrong"), (), {"__traceback__": 1})),
        }.items():
            with self.subTest(name), self.assertRaises(_data.DataError):
                reader.loads(data)
        good = reader.loads(hostile("error", lambda of: (of("Wrong"), ("bad",), {"what": "bad"})))
        self.assertEqual((type(good), good.args, good.what), (function_cases.Wrong, ("bad",), "bad"))


if __name__ == "__main__":
    unittest.main()
