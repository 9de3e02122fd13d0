/**
 * A number's largest prime factor: a row of JSON on standard input, its answer on standard output.
 *
 *     npm install
 *     wpool run . inputs.jsonl
 */

const buffer = new ArrayBuffer(256);
const length = process.stdin.read(buffer);
const row = String.UTF8.decode(buffer.slice(0, length)).trim();
const n = parse(row);
if (n < 2) {
  process.stderr.write(`expected an integer from 2 to ${u64.MAX_VALUE}, got ${row}\n`);
  process.exit(1);
}
process.stdout.write(largestPrimeFactor(n).toString() + "\n");

/** The number, or 0 for a text that is none: `U64.parseInt` alone would take "7 dwarfs" and wrap around. */
function parse(text: string): u64 {
  const n = U64.parseInt(text);
  return n.toString() == text ? n : 0;
}

function largestPrimeFactor(n: u64): u64 {
  for (let divisor: u64 = 2; divisor <= n / divisor; ) {
    if (n % divisor == 0) {
      n /= divisor;
    } else {
      divisor++;
    }
  }
  return n;
}
