// A number's largest prime factor, by trial division: the larger that factor, the slower.
export function run(row) {
  if (!Number.isSafeInteger(row) || row < 2) throw new RangeError(`expected an integer from 2, got ${JSON.stringify(row)}`);
  let n = row;
  for (let divisor = 2; divisor * divisor <= n; ) {
    if (n % divisor === 0) n /= divisor;
    else divisor++;
  }
  return n;
}
