// The sum of the squares below a number, in as many steps.
export function run(row) {
  if (!Number.isSafeInteger(row) || row < 0) throw new RangeError(`expected an integer from 0, got ${JSON.stringify(row)}`);
  let sum = 0;
  for (let i = 0; i < row; i++) sum += i * i;
  return sum;
}
