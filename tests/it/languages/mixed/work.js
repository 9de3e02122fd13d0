// One kind of work for each row: whatever a task may leave behind it. A result depends on the row alone, or there is no
// isolation.

const kept = [];
const table = new Map();
const known = new WeakMap();
const registry = new FinalizationRegistry((name) => kept.push(name));
let count = 0;

class Shape {
  static made = 0;
  #sides;
  constructor(sides) {
    Shape.made++;
    this.#sides = sides;
  }
  get sides() {
    return this.#sides;
  }
}

const KINDS = [
  // What is kept in globals, and every row must find empty.
  function keeps(n, text) {
    const found = [kept.length, table.size, count, Shape.made, "added" in Shape.prototype, globalThis.mine ?? null];
    for (let k = 0; k < n % 50; k++) kept.push({ k, text });
    table.set(text, kept);
    count += n + 1;
    new Shape(n);
    Shape.prototype.added = globalThis.mine = n;
    return found;
  },
  function slug(n, text) {
    return text.normalize("NFKD").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "");
  },
  function patterns(n, text) {
    const sticky = /\p{L}+/uy;
    sticky.lastIndex = n % 3;
    const found = new RegExp(`(?<w>\\w{1,${(n % 7) + 1}})(?=.*(\\d))?`, "dg").exec(text);
    return [sticky.exec(text)?.[0] ?? null, found?.groups.w, [...text.matchAll(/[aeiou]/g)].length, text.split(/\s+/)];
  },
  function dates(n) {
    const at = new Date(Date.UTC(2024, 0, 1, 0, n));
    at.setUTCMonth(n % 30);
    return [at.toISOString(), at.getUTCDay(), Date.parse("2024-03-06T05:30:00Z")];
  },
  function nested(n, text) {
    let value = text;
    for (let depth = 0; depth < n % 90; depth++) value = depth % 2 ? [value] : { in: value, n: depth };
    return JSON.parse(JSON.stringify(value, (key, part) => part, n % 3));
  },
  function prints(n, text) {
    for (let k = 0; k < n % 20; k++) (k % 3 ? console.log : console.error)(k, text, { k, deep: [{ n }] });
    return null;
  },
  function raises(n, text) {
    const kinds = [Error, TypeError, RangeError, SyntaxError, URIError];
    throw new kinds[n % 5](text, { cause: new Error(`row ${n}`) });
  },
  function throwsAnything(n, text) {
    throw [text, n, null, undefined, { text }, Symbol(text), () => n][n % 7];
  },
  function recursive(n) {
    const endless = (k) => endless(k + 1) + 1;
    if (n % 2) return endless(0);
    try {
      return endless(0);
    } catch (error) {
      return error.name;
    }
  },
  function large(n) {
    for (let k = 0; k < n % 24; k++) kept.push(new Uint8Array(1 << (10 + (n % 12))).fill(n));
    return kept.reduce((sum, block) => sum + block.length, 0);
  },
  function denied(n) {
    if (n % 2) return new Uint8Array(1 << 30).length;
    try {
      return new Uint8Array(1 << 30).length;
    } catch (error) {
      return error.name;
    }
  },
  function classes(n, text) {
    class Kind extends Shape {
      static name = text;
      ["own" + (n % 10)]() {
        return super.sides + n;
      }
    }
    Object.defineProperty(Shape.prototype, "extra", { get: () => n, configurable: true });
    const one = new Kind(n);
    return [one.sides, one["own" + (n % 10)](), one.extra, Kind.name, one instanceof Shape];
  },
  function patched(n, text) {
    const [target, name] = [
      [Math, "max"], [JSON, "stringify"], [Array.prototype, "map"], [String.prototype, "trim"], [Object.prototype, "toJSON"],
      [Promise.prototype, "then"], [globalThis, "parseInt"], [Array.prototype, Symbol.iterator],
    ][n % 8];
    target[name] = function () {
      return "patched";
    };
    return text;
  },
  function frozen(n, text) {
    Object.freeze([kept, Shape, Object.prototype, Array.prototype, globalThis][n % 5]);
    try {
      kept.push(text);
      return "added";
    } catch (error) {
      return error.name;
    }
  },
  function generators(n, text) {
    function* numbers() {
      try {
        for (let k = 0; ; k++) yield k;
      } finally {
        kept.push(text);
      }
    }
    const running = numbers();
    const found = [];
    for (let k = 0; k < n % 30; k++) found.push(running.next().value);
    kept.push(n % 2 ? running : running.return(n).value);
    return found.slice(-2);
  },
  async function promises(n, text) {
    const part = async (k) => {
      await null;
      return k;
    };
    const all = await Promise.all(Array.from({ length: n % 12 }, (_, k) => part(k)));
    const settled = await Promise.allSettled([Promise.reject(new Error(text)), part(n)]);
    return [all.length, settled.map(({ status }) => status)];
  },
  async function rejects(n, text) {
    await null;
    if (n % 2) throw new Error(text);
    return Promise.race([new Promise(() => {}), Promise.resolve(n)]);
  },
  function never() {
    return new Promise(() => {});
  },
  function weak(n, text) {
    const things = Array.from({ length: n % 40 }, (_, k) => ({ k }));
    for (const thing of things) {
      known.set(thing, things);
      registry.register(thing, text);
      kept.push(new WeakRef(thing));
    }
    return kept.every((ref) => ref.deref() !== undefined);
  },
  function chance(n) {
    const drawn = Math.random();
    return drawn >= 0 && drawn < 1 && crypto.randomUUID().length === 36 && crypto.getRandomValues(new Uint8Array(n % 40)).length === n % 40;
  },
  function bigs(n) {
    let product = 1n;
    for (let k = 1n; k <= BigInt(n % 60); k++) product *= k;
    return [product.toString(), BigInt.asUintN(64, -product).toString(36), (product << 70n).toString().length];
  },
  function ordered(n) {
    const values = Array.from({ length: (n % 300) + 1 }, (_, k) => (k * 7919 + n) % 1009);
    return [values.toSorted((a, b) => a - b).slice(0, 3), Math.max(...values), Object.groupBy(values, (k) => (k % 2 ? "odd" : "even")).odd?.length ?? 0];
  },
  function binary(n, text) {
    const bytes = new TextEncoder().encode(text);
    const view = new DataView(new ArrayBuffer(16));
    view.setFloat64(0, n / 7);
    view.setBigInt64(8, BigInt(n));
    return [new TextDecoder().decode(bytes), btoa(String.fromCharCode(...new Uint8Array(view.buffer))), structuredClone({ bytes }).bytes.length];
  },
  function compiled(n, text) {
    try {
      return [new Function("k", `return [k * ${n}, ${JSON.stringify(text)}]`)(2), (0, eval)(`var leaked = ${n}; leaked + 1`)];
    } catch (error) {
      return error.name;
    }
  },
  function addresses(n, text) {
    const url = new URL(`https://example.org/${encodeURIComponent(text)}?n=${n}&m=%20`);
    url.searchParams.append("more", text);
    return [url.href, [...url.searchParams.keys()], new URL("../x", url).pathname];
  },
  function proxies(n, text) {
    const seen = [];
    const proxy = new Proxy({}, { get: (_, key) => (seen.push(String(key)), n), has: () => true });
    kept.push(proxy);
    return [proxy.a + proxy.b, "c" in proxy, seen, Reflect.ownKeys(Shape).length, text in proxy];
  },
  function symbols(n, text) {
    const mine = Symbol.for(text + n);
    Shape[mine] = n;
    return [Symbol.keyFor(mine), Shape[mine], Object.getOwnPropertySymbols(Shape).length];
  },
  function hot(n, text) {
    const add = (a, b) => a + b;
    const total = Array.from({ length: 200 }, (_, k) => k).reduce(add);
    const words = Array(5).fill(text).reduce(add);
    return [total, words.length, [{ x: 1 }, { y: 2, x: text }, [3]].map((thing) => thing.x ?? thing[0])];
  },
  function rejections(n, text) {
    const lost = async () => {
      await null;
      throw new RangeError(text);
    };
    const promises = [lost(), Promise.reject(n), lost()];
    kept.push(promises);
    promises.slice(n % 3).forEach((promise) => promise.catch((error) => kept.push(error)));
    return n % 2 ? n : Promise.allSettled(promises.slice(n % 2)).then((all) => all.length);
  },
  function unfit(n) {
    const round = {};
    round.me = round;
    return [round, Symbol("x"), () => n, 12n, NaN, undefined, new Map([[1, 2]])][n % 7];
  },
];

export function run({ n, text }) {
  return KINDS[n % KINDS.length](Math.floor(n / KINDS.length), text);
}
