"""The sum of the squares below a number, in as many steps."""


def run(row):
    if type(row) is not int or row < 0:
        raise ValueError(f"expected an integer from 0, got {row!r}")
    return sum(i * i for i in range(row))
