// What a script finds beside the language itself. Evaluated once, before the script; `native` has the functions of the
// runtime, and url.js makes the classes. The result has the functions that the runtime calls.
(function (native, classes) {
  "use strict";
  const { URL, URLSearchParams } = classes;

  const define = (name, value) =>
    Object.defineProperty(globalThis, name, { value, writable: true, enumerable: false, configurable: true });
  const stringify = JSON.stringify;

  // ---- how values look to people ----

  const MOST_ITEMS = 100;
  const DEEPEST = 4;
  const URL_PARTS = [
    "href", "origin", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "searchParams",
    "hash",
  ];
  const isName = /^[A-Za-z_$][\w$]*$/;

  const kindOf = (value) => {
    try {
      const name = Object.getPrototypeOf(value)?.constructor?.name;
      return typeof name === "string" && name ? name : "Object";
    } catch {
      return "Object";
    }
  };

  const list = (open, close, items, count) => {
    const all = count > items.length ? [...items, `… ${count - items.length} more`] : items;
    const line = all.join(", ");
    if (!line) return open + close;
    const gap = open.endsWith("{") ? " " : "";
    if (line.length <= 76 && !line.includes("\n")) return open + gap + line + gap + close;
    return `${open}\n${all.map((item) => "  " + item.replaceAll("\n", "\n  ")).join(",\n")}\n${close}`;
  };

  const inspectError = (error, depth, seen) => {
    const text = `${error.name}: ${error.message}`;
    const stack = typeof error.stack === "string" ? error.stack.trimEnd() : "";
    const cause = error.cause === undefined ? "" : `\n  caused by: ${inspect(error.cause, depth + 1, seen)}`;
    return (stack ? `${text}\n${stack}` : text) + cause;
  };

  const inspectObject = (value, depth, seen) => {
    const kind = kindOf(value);
    if (value instanceof Error) return inspectError(value, depth, seen);
    if (value instanceof Date) return isNaN(value) ? "Invalid Date" : value.toISOString();
    if (value instanceof RegExp) return String(value);
    if (seen.includes(value)) return "[Circular]";
    if (depth > DEEPEST) return Array.isArray(value) ? "[Array]" : `[${kind}]`;
    const inner = [...seen, value];
    const show = (item) => inspect(item, depth + 1, inner);
    if (Array.isArray(value)) return list("[", "]", value.slice(0, MOST_ITEMS).map(show), value.length);
    if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
      return list(`${kind}(${value.length}) [`, "]", Array.from(value.subarray(0, MOST_ITEMS), String), value.length);
    }
    if (value instanceof Map) {
      const items = [...value].slice(0, MOST_ITEMS).map(([key, item]) => `${show(key)} => ${show(item)}`);
      return list(`Map(${value.size}) {`, "}", items, value.size);
    }
    if (value instanceof Set) {
      return list(`Set(${value.size}) {`, "}", [...value].slice(0, MOST_ITEMS).map(show), value.size);
    }
    if (value instanceof URL) return list("URL {", "}", URL_PARTS.map((name) => `${name}: ${show(value[name])}`));
    if (value instanceof URLSearchParams) {
      const items = [...value].slice(0, MOST_ITEMS).map(([key, item]) => `${show(key)} => ${show(item)}`);
      return list("URLSearchParams {", "}", items, value.size);
    }
    if (value instanceof Promise) return "Promise {}";
    const keys = Object.keys(value);
    const name = (key) => (isName.test(key) ? key : stringify(key));
    const items = keys.slice(0, MOST_ITEMS).map((key) => `${name(key)}: ${show(value[key])}`);
    return list(kind === "Object" ? "{" : `${kind} {`, "}", items, keys.length);
  };

  const inspect = (value, depth = 0, seen = []) => {
    switch (typeof value) {
      case "string":
        return depth ? stringify(value) : value;
      case "bigint":
        return `${value}n`;
      case "symbol":
        return value.toString();
      case "function":
        return `[Function: ${value.name || "anonymous"}]`;
      case "object":
        if (value === null) return "null";
        try {
          return inspectObject(value, depth, seen);
        } catch {
          return `[${kindOf(value)}]`;
        }
      default:
        return Object.is(value, -0) ? "-0" : String(value);
    }
  };

  // `%s` and its like, as browsers and Node have them.
  const format = (values) => {
    if (values.length === 1) return inspect(values[0]);
    let rest = values;
    let text = "";
    if (typeof values[0] === "string" && values[0].includes("%") && values.length > 1) {
      let at = 1;
      text = values[0].replace(/%[sdifjoOc%]/g, (mark) => {
        if (mark === "%%") return "%";
        if (at >= values.length) return mark;
        const value = values[at++];
        if (mark === "%d") return String(Number(value));
        if (mark === "%i") return String(parseInt(value));
        if (mark === "%f") return String(parseFloat(value));
        if (mark === "%j") return stringify(value);
        return mark === "%c" ? "" : inspect(value, mark === "%s" ? 0 : 1);
      });
      rest = values.slice(at);
      if (!rest.length) return text;
      text += " ";
    }
    return text + rest.map((value) => inspect(value)).join(" ");
  };

  // ---- console ----

  let indent = "";
  const print = (...values) => {
    const text = format(values);
    native.print((indent ? indent + text.replaceAll("\n", "\n" + indent) : text) + "\n");
  };
  const counts = new Map();
  const times = new Map();
  const took = (label) =>
    times.has(label) ? `${label}: ${(performance.now() - times.get(label)).toFixed(3)}ms` : `${label}: console.time was not called`;
  const table = (data, columns) => {
    const isRow = (row) => typeof row === "object" && row !== null;
    if (!isRow(data)) return print(data);
    const rows = Object.entries(data).slice(0, MOST_ITEMS);
    const names = columns ?? [...new Set(rows.flatMap(([, row]) => (isRow(row) ? Object.keys(row) : [])))];
    const head = ["(index)", ...names, ...(rows.every(([, row]) => isRow(row)) ? [] : ["Values"])];
    const cell = (row, name) => (isRow(row) && Object.hasOwn(row, name) ? inspect(row[name], 1).replaceAll("\n", " ") : "");
    const body = rows.map(([key, row]) => [key, ...names.map((name) => cell(row, name)), isRow(row) ? "" : inspect(row, 1)]);
    const widths = head.map((_, at) => Math.max(...[head, ...body].map((line) => line[at].length)));
    const line = (cells) => `│ ${widths.map((width, at) => cells[at].padEnd(width)).join(" │ ")} │`;
    const rule = ([left, middle, right]) => left + widths.map((width) => "─".repeat(width + 2)).join(middle) + right;
    print([rule("┌┬┐"), line(head), rule("├┼┤"), ...body.map(line), rule("└┴┘")].join("\n"));
  };
  define("console", {
    log: print,
    info: print,
    debug: print,
    warn: print,
    error: print,
    dir: (value) => print(value),
    table,
    trace: (...values) => print("Trace:", ...values, "\n" + new Error().stack.trimEnd()),
    assert: (holds, ...values) => {
      if (!holds) print("Assertion failed" + (values.length ? ":" : ""), ...values);
    },
    count: (label = "default") => {
      counts.set(label, (counts.get(label) ?? 0) + 1);
      print(`${label}: ${counts.get(label)}`);
    },
    countReset: (label = "default") => void counts.delete(label),
    group: (...values) => {
      if (values.length) print(...values);
      indent += "  ";
    },
    groupEnd: () => void (indent = indent.slice(2)),
    time: (label = "default") => void times.set(label, performance.now()),
    timeLog: (label = "default", ...values) => print(took(label), ...values),
    timeEnd: (label = "default") => {
      print(took(label));
      times.delete(label);
    },
  });

  // ---- text and bytes ----

  const bytesOf = (input) => {
    if (input === undefined) return new Uint8Array();
    if (ArrayBuffer.isView(input)) return new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
    if (input instanceof ArrayBuffer) return new Uint8Array(input);
    throw new TypeError("not a buffer");
  };

  define(
    "TextEncoder",
    class TextEncoder {
      get encoding() {
        return "utf-8";
      }
      encode(text = "") {
        return native.encode(String(text).toWellFormed());
      }
      encodeInto(text, into) {
        let read = 0;
        let written = 0;
        for (const character of String(text).toWellFormed()) {
          const bytes = native.encode(character);
          if (written + bytes.length > into.length) break;
          into.set(bytes, written);
          written += bytes.length;
          read += character.length;
        }
        return { read, written };
      }
    },
  );

  const LABELS = {
    "utf-8": "utf-8", utf8: "utf-8", "unicode-1-1-utf-8": "utf-8",
    "utf-16le": "utf-16le", "utf-16": "utf-16le", "ucs-2": "utf-16le",
    latin1: "windows-1252", "iso-8859-1": "windows-1252", ascii: "windows-1252", "us-ascii": "windows-1252",
    "windows-1252": "windows-1252",
  };

  define(
    "TextDecoder",
    class TextDecoder {
      #encoding;
      #fatal;
      #keepsMark;
      #left = new Uint8Array();
      constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
        this.#encoding = LABELS[String(label).trim().toLowerCase()];
        if (!this.#encoding) throw new RangeError(`the encoding ${label} is not known`);
        this.#fatal = Boolean(fatal);
        this.#keepsMark = Boolean(ignoreBOM);
      }
      get encoding() {
        return this.#encoding;
      }
      get fatal() {
        return this.#fatal;
      }
      get ignoreBOM() {
        return this.#keepsMark;
      }
      decode(input, { stream = false } = {}) {
        let bytes = bytesOf(input);
        if (this.#left.length) {
          const both = new Uint8Array(this.#left.length + bytes.length);
          both.set(this.#left);
          both.set(bytes, this.#left.length);
          bytes = both;
        }
        const whole = stream ? native.whole(bytes, this.#encoding) : bytes.length;
        this.#left = bytes.slice(whole);
        const text = native.decode(whole < bytes.length ? bytes.subarray(0, whole) : bytes, this.#encoding, this.#fatal);
        if (text === undefined) throw new TypeError(`the bytes are not ${this.#encoding}`);
        return this.#keepsMark || text.charCodeAt(0) !== 0xfeff ? text : text.slice(1);
      }
    },
  );

  define("URL", URL);
  define("URLSearchParams", URLSearchParams);

  // ---- copies ----

  const unclonable = (value) => {
    throw new DOMException(`${inspect(value, 1)} could not be cloned.`, "DataCloneError");
  };

  const UNCLONABLE = [Promise, WeakMap, WeakSet, WeakRef, URL, URLSearchParams];
  const clone = (value, seen) => {
    if (typeof value === "function" || typeof value === "symbol") unclonable(value);
    if (typeof value !== "object" || value === null) return value;
    if (seen.has(value)) return seen.get(value);
    const keep = (copy) => (seen.set(value, copy), copy);
    if (value instanceof Date) return keep(new Date(value.getTime()));
    if (value instanceof RegExp) return keep(new RegExp(value.source, value.flags));
    if (value instanceof Boolean || value instanceof Number || value instanceof String) return keep(Object(value.valueOf()));
    if (value instanceof ArrayBuffer) return keep(value.slice(0));
    if (ArrayBuffer.isView(value)) {
      const buffer = clone(value.buffer, seen);
      return keep(new value.constructor(buffer, value.byteOffset, value.length ?? value.byteLength));
    }
    if (value instanceof Map) {
      const copy = keep(new Map());
      for (const [key, item] of value) copy.set(clone(key, seen), clone(item, seen));
      return copy;
    }
    if (value instanceof Set) {
      const copy = keep(new Set());
      for (const item of value) copy.add(clone(item, seen));
      return copy;
    }
    if (value instanceof Error) {
      const kinds = { EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };
      const copy = keep(new (kinds[value.name] ?? Error)(value.message));
      copy.stack = value.stack;
      if ("cause" in value) copy.cause = clone(value.cause, seen);
      return copy;
    }
    if (UNCLONABLE.some((kind) => value instanceof kind)) unclonable(value);
    const copy = keep(Array.isArray(value) ? new Array(value.length) : {});
    for (const key of Object.keys(value)) copy[key] = clone(value[key], seen);
    return copy;
  };
  define("structuredClone", (value) => clone(value, new Map()));

  // ---- random numbers and time ----

  Object.defineProperty(Math, "random", { value: native.random, writable: true, configurable: true });
  const MOST_RANDOM = 65536;
  define("crypto", {
    getRandomValues(array) {
      const bytes = bytesOf(array);
      if (bytes.length > MOST_RANDOM) throw new DOMException("more than 65536 bytes", "QuotaExceededError");
      bytes.set(native.randomBytes(bytes.length));
      return array;
    },
    randomUUID() {
      const bytes = native.randomBytes(16);
      bytes[6] = (bytes[6] & 0x0f) | 0x40;
      bytes[8] = (bytes[8] & 0x3f) | 0x80;
      return bytes.toHex().replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
    },
    subtle: {
      async digest(algorithm, data) {
        if (data === undefined) throw new TypeError("not a buffer");
        const name = String(algorithm?.name ?? algorithm).toUpperCase();
        const hash = native.digest(name, bytesOf(data));
        if (!hash) throw new DOMException(`${name} is not there, but SHA-256, SHA-384 and SHA-512 are`, "NotSupportedError");
        return hash.buffer;
      },
    },
  });

  let timers = [];
  let lastTimer = 0;
  const addTimer = (call, delay, every, values) => {
    if (typeof call !== "function") throw new TypeError("the callback is not a function");
    const wait = Math.max(0, Number(delay) || 0);
    timers.push({ id: ++lastTimer, due: native.now() + wait, every: every ? Math.max(1, wait) : undefined, call, values });
    return lastTimer;
  };
  const removeTimer = (id) => void (timers = timers.filter((timer) => timer.id !== id));
  define("setTimeout", (call, delay, ...values) => addTimer(call, delay, false, values));
  define("setInterval", (call, delay, ...values) => addTimer(call, delay, true, values));
  define("setImmediate", (call, ...values) => addTimer(call, 0, false, values));
  define("clearTimeout", removeTimer);
  define("clearInterval", removeTimer);
  define("clearImmediate", removeTimer);
  define("queueMicrotask", (call) => void Promise.resolve().then(() => void call()));

  // Waits for the timer that is due first, and calls it. False: there is none.
  const nextTimer = () => {
    if (!timers.length) return false;
    const timer = timers.reduce((first, other) => (other.due < first.due ? other : first));
    const wait = timer.due - native.now();
    if (wait > 0) native.sleep(wait);
    if (timer.every === undefined) removeTimer(timer.id);
    else timer.due += timer.every;
    timer.call(...timer.values);
    return true;
  };

  // ---- results ----

  const CANNOT = "return a string, a number, a boolean, null, an array, a plain object or a Uint8Array";
  class Unfit extends Error {}
  let isFinishing = false;
  const article = (name) => (/^[AEIOU]/i.test(name) && !/^U([a-z]*\d|RL)/.test(name) ? `an ${name}` : `a ${name}`);
  const nameOf = (value) => {
    if (typeof value === "bigint") return "a BigInt";
    if (typeof value === "function" || typeof value === "symbol") return `a ${typeof value}`;
    if (value === undefined || typeof value === "number") return String(value);
    // Types without a name of their own, such as those of generators, have a tag.
    const kind = kindOf(value);
    return article(kind === "Object" ? Object.prototype.toString.call(value).slice(8, -1) : kind);
  };
  // JSON would write these as `{}`, or leave them out. While a result is written, they are an error.
  const guard = function () {
    if (!isFinishing) return this;
    throw new Unfit(nameOf(this));
  };
  // Most parts of the way to a value that a message has.
  const MOST_STEPS = 8;
  // The way to the first value of a result that cannot be written. `JSON.stringify` does not tell it, so the values
  // are visited again, in its order. `undefined`: there is no such value, or not any more.
  const wayTo = (value, key, ancestors) => {
    if (value === null || (typeof value !== "object" && typeof value !== "function" && typeof value !== "bigint")) return;
    if (value.toJSON === guard) return [];
    const written = typeof value.toJSON === "function" ? value.toJSON(key) : value;
    if (ancestors.includes(written)) return [];
    if (typeof written !== "object" || written === null) return;
    const inner = [...ancestors, written];
    for (const step of Array.isArray(written) ? written.keys() : Object.keys(written)) {
      const rest = wayTo(written[step], String(step), inner);
      if (rest) return [typeof step === "number" ? `[${step}]` : isName.test(step) ? `.${step}` : `[${stringify(step)}]`, ...rest];
    }
  };
  const placeIn = (result) => {
    try {
      isFinishing = false;
      const way = wayTo(result, "", []) ?? [];
      if (way.length) return ` at result${way.slice(0, MOST_STEPS).join("")}${way.length > MOST_STEPS ? "…" : ""}`;
    } catch {
      // The second visit may end otherwise than the first, in code of the script.
    }
    return "";
  };
  const unfit = [
    Map, Set, WeakMap, WeakSet, WeakRef, Promise, RegExp, Error, Function, BigInt, ArrayBuffer, DataView, Iterator,
    URLSearchParams,
    Object.getPrototypeOf(Uint8Array),
    // Of what `async function*` gives; its type has no name.
    { prototype: Object.getPrototypeOf(Object.getPrototypeOf(async function* () {}).prototype) },
  ];
  for (const { prototype } of unfit) {
    Object.defineProperty(prototype, "toJSON", { value: guard, writable: true, enumerable: false, configurable: true });
  }
  const finish = (value) => {
    if (typeof value === "symbol" || value === undefined || (typeof value === "number" && !isFinite(value))) {
      throw new Unfit(`run returned ${nameOf(value)}; ${CANNOT}`);
    }
    isFinishing = true;
    try {
      return stringify(value) ?? guard.call(value);
    } catch (error) {
      const isCircle = error instanceof TypeError && error.message === "circular reference";
      if (!isCircle && !(error instanceof Unfit)) throw error;
      throw new Unfit(`run returned ${isCircle ? "an object that contains itself" : error.message}${placeIn(value)}; ${CANNOT}`);
    } finally {
      isFinishing = false;
    }
  };

  // ---- errors ----

  const MOST_CAUSES = 4;
  const NO_NODE = "tasks have no Node: no files, no processes, no environment";
  const NO_NETWORK = "tasks have no network";
  const ABSENT = {
    process: NO_NODE, require: NO_NODE, __dirname: NO_NODE, __filename: NO_NODE, module: "export functions with `export`",
    exports: "export functions with `export`", global: "use globalThis",
    Buffer: "use Uint8Array, its fromBase64 and toHex, and TextEncoder",
    fetch: NO_NETWORK, XMLHttpRequest: NO_NETWORK, WebSocket: NO_NETWORK,
    window: "tasks have no browser", document: "tasks have no browser",
    Intl: "the runtime has no data of languages",
  };
  const remedy = (error) => {
    const name = error instanceof ReferenceError && /^(\w+) is not defined$/.exec(error.message)?.[1];
    return name && Object.hasOwn(ABSENT, name) ? ` (${ABSENT[name]})` : "";
  };
  // The parts of what was thrown: `[kind, message, stack]` of it and of its causes.
  const describe = (thrown) => {
    const parts = [];
    for (let error = thrown; error !== undefined && parts.length < MOST_CAUSES; error = error?.cause) {
      let part;
      try {
        if (error instanceof Unfit) part = ["result-type", error.message, ""];
        else if (error instanceof Error || error instanceof DOMException) {
          const text = error.message === "" ? `${error.name}` : `${error.name}: ${error.message}`;
          const isMemory = error.name === "InternalError" && error.message === "out of memory";
          const inner = Array.isArray(error.errors) ? error.errors.slice(0, MOST_ITEMS).map((it) => `\n  ${it}`).join("") : "";
          part = [isMemory ? "out-of-memory" : "exception", text + remedy(error) + inner, typeof error.stack === "string" ? error.stack : ""];
        } else part = ["exception", `threw ${inspect(error, 1)}`, ""];
      } catch {
        part = ["exception", "threw a value whose text raised an exception", ""];
      }
      parts.push(part.map((text) => String(text).toWellFormed()));
    }
    return parts.length ? parts : [["exception", "threw undefined", ""]];
  };

  // ---- what tasks would make again ----

  // QuickJS makes a function of its library when it is first looked at.
  const made = new Set();
  const make = (value) => {
    if ((typeof value !== "object" && typeof value !== "function") || value === null || made.has(value)) return;
    made.add(value);
    make(Object.getPrototypeOf(value));
    for (const key of Reflect.ownKeys(value)) Object.values(Object.getOwnPropertyDescriptor(value, key)).forEach(make);
  };
  [globalThis, [].values(), "".matchAll(/x/g), new Map().keys(), new Set().keys(), ""[Symbol.iterator](), (function* () {})()].forEach(make);
  made.clear();

  return { describe, finish, nextTimer };
});
