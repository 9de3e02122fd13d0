"""The errors of a script, in the words of Python: without a frame of anything but the script."""

import traceback

import wpool_remedies
from wit_world.imports.types import Failure

# Most frames of a traceback that are looked at: half from its beginning, half from its end.
MOST_FRAMES = 4000
# Most lines of a traceback that are reported: half from its beginning, half from its end.
MOST_LINES = 160
TAB = 4
KEPT: list[object] = []


def failure(error: BaseException, bundle, starting: bool = False) -> Failure:
    """The end of a task, or of the start of the script, by what it raised."""
    try:
        return Failure(code(error, bundle, starting), *texts(error, bundle), exit_code(error))
    except MemoryError:
        return Failure("out-of-memory", "MemoryError", "", None)


def code(error: BaseException, bundle, starting: bool) -> str:
    if isinstance(error, SystemExit):
        return "exit"
    if isinstance(error, MemoryError):
        return "out-of-memory"
    if isinstance(error, ImportError):
        return "import"
    is_ours = isinstance(error, SyntaxError) and bundle is not None and error.filename in bundle.names
    return "syntax" if is_ours and starting else "exception"


def exit_code(error: BaseException) -> int | None:
    if not isinstance(error, SystemExit):
        return None
    if error.code is None:
        return 0
    return error.code if isinstance(error.code, int) and abs(error.code) < 1 << 31 else 1


def texts(error: BaseException, bundle) -> tuple[str, str]:
    """The message and the traceback."""
    if isinstance(error, SystemExit):
        return clean(exit_text(error.code)), ""
    remedy = wpool_remedies.remedy(error, bundle)
    shorten(error)
    told = traceback.TracebackException.from_exception(error, compact=True)
    keep_own_frames(told, bundle.names if bundle else frozenset())
    # A line of a source stands under its carets, also where it has tabs.
    lines = "".join(told.format()).expandtabs(TAB).splitlines()
    if remedy:
        lines[-1] += f" ({remedy})"
    if len(lines) > MOST_LINES:
        half = MOST_LINES // 2
        lines[half:-half] = [f"  … {len(lines) - MOST_LINES} lines …"]
    return clean(message(error, str(told), remedy)), clean("\n".join(lines))


def exit_text(code: object) -> str:
    """The message of an end by `sys.exit`, which takes a number or a text."""
    if code is None:
        return "exited"
    return f"exited with {code}" if isinstance(code, int) else f"exited: {code}"


def message(error: BaseException, text: str, remedy: str | None) -> str:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    # The last line of a traceback also has what Python suggests; an error of syntax has its place there.
    text = str(error) if isinstance(error, SyntaxError) else text
    return (f"{name}: {text}" if text else name) + f" ({remedy})" * bool(remedy)


def shorten(error: BaseException) -> None:
    """Cuts the middle out of a traceback that takes long to tell, such as that of a recursion without a limit."""
    frames, at = [], error.__traceback__
    while at is not None:
        frames.append(at)
        at = at.tb_next
    if len(frames) > MOST_FRAMES:
        half = MOST_FRAMES // 2
        frames[half - 1].tb_next = frames[-half]
        # To give back a long chain takes as many calls within calls; the memory of the task ends with it.
        KEPT.append(frames)


def keep_own_frames(told: traceback.TracebackException | None, names: frozenset[str]) -> None:
    """Removes frames of Python and of this runtime, here and in the causes."""
    seen = set()
    left = [told]
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        own = [frame for frame in one.stack or () if frame.filename in names]
        if one.__context__ is not None and is_foreign(one.__context__, names):
            # How Python's own modules came to an error is not of the script.
            one.__context__ = None
        one.stack = traceback.StackSummary.from_list(own) if own else None
        left += [one.__cause__, one.__context__, *(one.exceptions or ())]


def is_foreign(told: traceback.TracebackException, names: frozenset[str]) -> bool:
    return bool(told.stack) and not any(frame.filename in names for frame in told.stack)


def warm_up() -> None:
    """Has everything loaded that a traceback takes, while the runtime is made."""
    import linecache

    class Warm:
        names, native = frozenset(["<warm>"]), frozenset()

    for source in ["1 / 0", "undefined", "[].nothing", "import not_there", "def f(:", "raise ExceptionGroup('', [KeyError(1)])"]:
        linecache.cache["<warm>"] = (len(source), None, [source + "\n"], "<warm>")
        try:
            exec(compile(source, "<warm>", "exec"), {})
        except Exception as error:
            failure(error, Warm, starting=True)
    del linecache.cache["<warm>"]


def clean(text: str) -> str:
    """Text without halves of characters, which no string of a component can hold."""
    return text.encode("utf-8", "backslashreplace").decode()
