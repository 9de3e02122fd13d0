"""The sum of the squares of a chunk of numbers: a row is a list of integers."""


def run(row):
    if type(row) is not list or any(type(number) is not int for number in row):
        raise ValueError(f"expected a list of integers, got {row!r}")
    return sum(number * number for number in row)
