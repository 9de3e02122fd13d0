// Rows of ordinary work in JavaScript: wpool against worker threads of Node on the same functions, in one run.
//
//     node benches/javascript.mjs [WPOOL] [ROWS] [ROUNDS]
//
// Both use every core. Node gets chunks of 100 rows, and parses and writes JSON as wpool does. The rounds alternate, and
// the medians count. wpool gives each row a fresh sandboxed instance. The rows are a slug, a SHA-256 and a date, once with
// the SHA-256 of the runtime and once with one in JavaScript, which Node compiles and wpool interprets.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";

const CHUNK = 100;
const SCRIPTS = [
  { name: "the runtime's SHA-256", file: "digest.mjs", target: 0.5 },
  { name: "a SHA-256 in JavaScript", file: "rows.mjs", target: 0.1 },
].map((script) => ({ ...script, path: fileURLToPath(new URL(`support/${script.file}`, import.meta.url)) }));

if (isMainThread) {
  const [wpool = "target/release/wpool", count = "200000", rounds = "3"] = process.argv.slice(2);
  const folder = mkdtempSync(join(tmpdir(), "wpool-bench-"));
  try {
    const rows = makeRows(Number(count));
    for (const script of SCRIPTS) {
      const { run } = await import(script.path);
      await compare({ ...script, run }, wpool, rows, Number(rounds), folder);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
} else {
  const { run } = await import(workerData);
  const answer = async (line) => JSON.stringify(await run(JSON.parse(line)));
  parentPort.on("message", async (lines) => parentPort.postMessage(await Promise.all(lines.map(answer))));
}

function makeRows(count) {
  const row = (i) => ({
    title: `Crème brûlée & ${i} other things — a title of an ordinary length`,
    date: `20${String(i % 90).padStart(2, "0")}-0${1 + (i % 9)}-1${i % 10}`,
    days: i % 1000,
  });
  return Array.from({ length: count }, (_, i) => JSON.stringify(row(i)));
}

async function compare(script, wpool, rows, rounds, folder) {
  console.log(script.name);
  const input = join(folder, "rows.jsonl");
  const output = join(folder, "out.jsonl");
  writeFileSync(input, rows.join("\n") + "\n");
  const typed = ["run", script.path, input, "--values", "-q", "--no-journal", "--overwrite", "-o", output];
  const warm = execFileSync(wpool, ["run", script.path, "--values", "-q", "--no-journal"], { input: rows[0] }).toString();
  const expected = JSON.stringify(await script.run(JSON.parse(rows[0])));
  if (JSON.stringify(JSON.parse(warm)) !== expected) throw new Error(`${warm} is not ${expected}`);
  const seconds = { node: [], wpool: [] };
  for (let round = 0; round < rounds; round++) {
    seconds.node.push(await timed(() => inThreads(script, rows)));
    seconds.wpool.push(await timed(() => check(spawnSync(wpool, typed, { stdio: "inherit" }))));
  }
  const lines = readFileSync(output, "utf8").trimEnd().split("\n").length;
  if (lines !== rows.length) throw new Error(`wpool wrote ${lines} of ${rows.length} outputs`);
  report(seconds, rows.length, script.target);
  await receipts(script, wpool, rows, folder);
}

function check(ended) {
  if (ended.status !== 0) throw new Error(`wpool ended with ${ended.status ?? ended.error}`);
}

async function timed(work) {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

async function inThreads(script, rows) {
  let next = 0;
  const outputs = [];
  const serve = (worker) =>
    new Promise((done, failed) => {
      const give = () => (next < rows.length ? worker.postMessage(rows.slice(next, (next += CHUNK))) : done(worker.terminate()));
      worker.on("error", failed);
      worker.on("message", (texts) => (outputs.push(...texts), give()));
      give();
    });
  const start = () => new Worker(fileURLToPath(import.meta.url), { workerData: script.path });
  const workers = Array.from({ length: availableParallelism() }, start);
  await Promise.all(workers.map(serve));
  if (outputs.length !== rows.length) throw new Error("rows are missing");
}

function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
}

function report(seconds, rows, target) {
  for (const [name, all] of Object.entries(seconds)) {
    const whole = median(all);
    console.log(`${name.padEnd(6)} ${whole.toFixed(2)} s, ${Math.round(rows / whole)} rows/s  (${all.map((s) => s.toFixed(2)).join(", ")})`);
  }
  const ratio = median(seconds.node) / median(seconds.wpool);
  console.log(`ratio  ${ratio.toFixed(2)} of node's rows/s, target ${target}: ${ratio >= target ? "met" : "MISSED"}`);
}

// What a row takes in a worker, by its receipts.
async function receipts(script, wpool, rows, folder) {
  const input = join(folder, "few.jsonl");
  writeFileSync(input, rows.slice(0, 5000).join("\n") + "\n");
  for (const isolation of ["auto", "reuse"]) {
    const typed = ["run", script.path, input, "-j", "1", "--receipts", "-q", "--no-journal"];
    const more = isolation === "auto" ? [] : ["--isolation", isolation];
    const text = execFileSync(wpool, [...typed, ...more], { maxBuffer: 1 << 30 }).toString().trimEnd();
    const micros = text.split("\n").map((line) => JSON.parse(line).receipt.wall_us);
    console.log(`a row  p50 ${median(micros)} µs (--isolation ${isolation})`);
  }
  const began = performance.now();
  for (const row of rows.slice(0, 5000)) JSON.stringify(await script.run(JSON.parse(row)));
  const mean = ((performance.now() - began) * 1000) / 5000;
  console.log(`a row  mean ${mean.toFixed(1)} µs (node's main thread, which compiles)`);
}
