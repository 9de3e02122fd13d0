/**
 * A number's largest prime factor, by trial division: the larger that factor, the slower.
 *
 *     npm install
 *     wpool run . inputs.jsonl
 */

/** What wit/task.wit asks for. A string that is thrown is the row's error. */
export function run(input: Uint8Array): Uint8Array {
  const row = new TextDecoder().decode(input);
  const n = Number(row);
  if (!Number.isSafeInteger(n) || n < 2) {
    throw `expected an integer from 2 to ${Number.MAX_SAFE_INTEGER}, got ${row}`;
  }
  return new TextEncoder().encode(JSON.stringify(largestPrimeFactor(n)));
}

function largestPrimeFactor(n: number): number {
  for (let divisor = 2; divisor * divisor <= n; ) {
    if (n % divisor === 0) {
      n /= divisor;
    } else {
      divisor++;
    }
  }
  return n;
}
