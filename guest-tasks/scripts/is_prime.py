"""Whether a number is prime, by trial division."""


def run(row):
    if type(row) is not int or row < 0:
        raise ValueError(f"expected an integer from 0, got {row!r}")
    if row < 4:
        return row > 1
    if row % 2 == 0 or row % 3 == 0:
        return False
    # Every prime from 5 on is next to a multiple of 6.
    divisor = 5
    while divisor * divisor <= row:
        if row % divisor == 0 or row % (divisor + 2) == 0:
            return False
        divisor += 6
    return True
