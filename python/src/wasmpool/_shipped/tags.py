"""The bytes with which values begin, and the bounds of values."""

import struct

#: Deepest nesting.
DEPTH = 200
#: Most bytes of a number, beyond which arithmetic on the host could take long.
NUMBER = 1 << 20
#: Keys of one dictionary or set that may have the same hash.
COLLISIONS = 64

DOUBLE = struct.Struct("<d")
PAIR = struct.Struct("<dd")


class DataError(ValueError):
    """A value that cannot be written, or bytes that cannot be read."""


# Tags. Each is one byte, and what follows depends on it.
NONE, TRUE, FALSE, INT, BIG, FLOAT, COMPLEX, STR, BYTES, BYTEARRAY = range(10)
LIST, TUPLE, DICT, SET, FROZENSET, RANGE, SLICE, ELLIPSIS, SEEN, EXTENSION = range(10, 20)
DATE, TIME, DATETIME, DELTA, ZONE, DECIMAL, FRACTION, UUID = range(20, 28)

# What the contents of a container are: values of any kind, or many of one kind together, which takes no Python for each.
MIXED, INTS, FLOATS, STRS, BOOLS, ROWS = range(6)
#: Contents that are worth a look at their kinds.
MANY = 8
