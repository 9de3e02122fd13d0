"""A number's largest prime factor, by trial division: the larger that factor, the slower.

    wpool run . inputs.jsonl
"""

import json

from componentize_py_types import Err
from wit_world import WitWorld as World


class WitWorld(World):
    def run(self, input: bytes) -> bytes:
        try:
            n = json.loads(input)
        except ValueError:
            n = None
        if type(n) is not int or n < 2:
            raise Err(f"expected an integer from 2, got {input.decode(errors='replace')}")
        return json.dumps(largest_prime_factor(n)).encode()


def largest_prime_factor(n: int) -> int:
    divisor = 2
    while divisor * divisor <= n:
        if n % divisor == 0:
            n //= divisor
        else:
            divisor += 1
    return n
