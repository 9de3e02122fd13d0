"""What scripts expect of Python and its system, made of what a task has: an event loop without sockets, ends of the process
that end the task, and the key derivation that Python takes from OpenSSL."""

import hashlib
import hmac
import os

def exit_now(status):
    """Ends the task as the end of the process would."""
    raise SystemExit(status)


def abort():
    raise SystemExit("os.abort was called")


def pbkdf2_hmac(hash_name, password, salt, iterations, dklen=None):
    """PKCS #5, as in `hashlib` of a Python with OpenSSL."""
    if not isinstance(hash_name, str):
        raise TypeError(f"pbkdf2_hmac() argument 'hash_name' must be str, not {type(hash_name).__name__}")
    keyed = hmac.new(bytes(memoryview(password)), None, hash_name)
    salt, size = bytes(memoryview(salt)), keyed.digest_size
    length = size if dklen is None else dklen
    if iterations < 1:
        raise ValueError("iteration value must be greater than 0.")
    if length < 1:
        raise ValueError("key length must be greater than 0.")
    key = b"".join(
        derived_block(keyed, salt + number.to_bytes(4), iterations) for number in range(1, -(-length // size) + 1)
    )
    return key[:length]


def derived_block(keyed, begin, iterations):
    """One block of a derived key."""

    def digest(message):
        copy = keyed.copy()
        copy.update(message)
        return copy.digest()

    last = digest(begin)
    total = int.from_bytes(last)
    for _ in range(iterations - 1):
        last = digest(last)
        total ^= int.from_bytes(last)
    return total.to_bytes(keyed.digest_size)


def without_sockets(selector_events) -> None:
    """Has event loops wait for time alone, and wake without a pair of sockets: a task has one thread and no sockets."""
    import selectors
    import time

    class Timer(selectors._BaseSelectorImpl):
        """A selector of nothing."""

        def select(self, timeout=None):
            if timeout is None:
                raise RuntimeError("the event loop waits for something that cannot happen any more")
            if timeout > 0:
                time.sleep(timeout)
            return []

    plain = selector_events.BaseSelectorEventLoop
    begin = plain.__init__
    plain.__init__ = lambda self, selector=None: begin(self, Timer() if selector is None else selector)
    for name in ("_make_self_pipe", "_close_self_pipe", "_write_to_self"):
        setattr(plain, name, lambda self: None)


def install() -> None:
    os._exit, os.abort = exit_now, abort
    hashlib.pbkdf2_hmac = pbkdf2_hmac
