// Whether a number is prime, by trial division.
export function run(row) {
  if (!Number.isSafeInteger(row) || row < 0) throw new RangeError(`expected an integer from 0, got ${JSON.stringify(row)}`);
  if (row < 4) return row > 1;
  if (row % 2 === 0 || row % 3 === 0) return false;
  // Every prime from 5 on is next to a multiple of 6.
  for (let divisor = 5; divisor * divisor <= row; divisor += 6) {
    if (row % divisor === 0 || row % (divisor + 2) === 0) return false;
  }
  return true;
}
