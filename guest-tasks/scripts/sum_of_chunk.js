// The sum of the squares of a chunk of numbers: a row is an array of integers.
export function run(row) {
  if (!Array.isArray(row) || !row.every(Number.isSafeInteger)) throw new RangeError(`expected an array of integers, got ${JSON.stringify(row)}`);
  return row.reduce((sum, number) => sum + number * number, 0);
}
