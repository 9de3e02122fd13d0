"""A number's largest prime factor, by trial division: the larger that factor, the slower."""


def run(row):
    if type(row) is not int or row < 2:
        raise ValueError(f"expected an integer from 2, got {row!r}")
    n, divisor = row, 2
    while divisor * divisor <= n:
        if n % divisor == 0:
            n //= divisor
        else:
            divisor += 1
    return n
