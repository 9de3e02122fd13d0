// `URL` and `URLSearchParams` by the WHATWG standard. `native` reads and writes the texts.
(function (native) {
  "use strict";

  const text = (value) => `${value}`.toWellFormed();
  const fault = (message, code, more) => Object.assign(new TypeError(message), { code, ...more });
  const need = (given, ...names) => {
    if (given >= names.length) return;
    const list = names.map((name) => `"${name}"`).join(" and ");
    throw fault(`The ${list} argument${names.length > 1 ? "s" : ""} must be specified`, "ERR_MISSING_ARGS");
  };
  const isObject = (value) => (typeof value === "object" && value !== null) || typeof value === "function";
  const publish = ({ prototype }) => {
    const names = Object.getOwnPropertyNames(prototype).filter((name) => name !== "constructor");
    for (const name of names) Object.defineProperty(prototype, name, { enumerable: true });
    Object.defineProperty(prototype, Symbol.toStringTag, { value: prototype.constructor.name, configurable: true });
  };

  // ---- the query ----

  const pairOf = (item) => {
    const pair = isObject(item) && typeof item[Symbol.iterator] === "function" ? [...item] : [];
    if (pair.length !== 2) throw fault("Each query pair must be an iterable [name, value] tuple", "ERR_INVALID_TUPLE");
    return pair.map(text);
  };
  const listOf = (init) => {
    if (!isObject(init)) return native.parseForm(text(init).replace(/^\?/, ""));
    const method = init[Symbol.iterator];
    if (method === undefined || method === null) {
      const isListed = (key) => Object.getOwnPropertyDescriptor(init, key)?.enumerable;
      return Reflect.ownKeys(init).filter(isListed).flatMap((key) => [text(key), text(init[key])]);
    }
    if (typeof method !== "function") throw fault("Query pairs must be iterable", "ERR_ARG_NOT_ITERABLE");
    return Array.from(init, pairOf).flat();
  };

  let ofUrl;
  let refresh;

  class URLSearchParams {
    // Names and values in turn.
    #list;
    #changed = () => {};
    static {
      ofUrl = (search, changed) => {
        const params = new URLSearchParams(search);
        params.#changed = changed;
        return params;
      };
      refresh = (params, search) => void (params.#list = listOf(search));
    }
    constructor(init = "") {
      this.#list = listOf(init);
    }
    #write(list) {
      this.#list = list;
      this.#changed(this.toString());
    }
    // Where a name is, or a pair of name and value.
    #places(name, value) {
      const [wanted, also] = [text(name), value === undefined ? undefined : text(value)];
      const list = this.#list;
      const places = [];
      for (let at = 0; at < list.length; at += 2) {
        if (list[at] === wanted && (also === undefined || list[at + 1] === also)) places.push(at);
      }
      return places;
    }
    #without(places) {
      return this.#list.filter((_, at) => !places.includes(at & ~1));
    }
    get size() {
      return this.#list.length / 2;
    }
    append(name, value) {
      need(arguments.length, "name", "value");
      this.#write([...this.#list, text(name), text(value)]);
    }
    delete(name, value = undefined) {
      need(arguments.length, "name");
      this.#write(this.#without(this.#places(name, value)));
    }
    get(name) {
      need(arguments.length, "name");
      const [first] = this.#places(name);
      return first === undefined ? null : this.#list[first + 1];
    }
    getAll(name) {
      need(arguments.length, "name");
      return this.#places(name).map((at) => this.#list[at + 1]);
    }
    has(name, value = undefined) {
      need(arguments.length, "name");
      return this.#places(name, value).length > 0;
    }
    set(name, value) {
      need(arguments.length, "name", "value");
      const [first, ...others] = this.#places(name);
      if (first === undefined) return this.append(name, value);
      this.#list[first + 1] = text(value);
      this.#write(this.#without(others));
    }
    sort() {
      const pairs = [...this].sort(([one], [other]) => (one < other ? -1 : Number(one > other)));
      this.#write(pairs.flat());
    }
    // Iterations see what is changed meanwhile.
    *entries() {
      for (let at = 0; at < this.#list.length; at += 2) yield [this.#list[at], this.#list[at + 1]];
    }
    *keys() {
      for (const [name] of this) yield name;
    }
    *values() {
      for (const [, value] of this) yield value;
    }
    forEach(call, self = undefined) {
      if (typeof call !== "function") throw fault('The "callback" argument must be of type function', "ERR_INVALID_ARG_TYPE");
      for (const [name, value] of this) call.call(self, value, name, this);
    }
    toString() {
      return native.writeForm(this.#list);
    }
  }
  publish(URLSearchParams);
  const { entries } = URLSearchParams.prototype;
  Object.defineProperty(URLSearchParams.prototype, Symbol.iterator, { value: entries, writable: true, configurable: true });

  // ---- the whole ----

  // As `native` has them.
  const PARTS = ["href", "origin", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"];
  const [HREF, SEARCH] = [PARTS.indexOf("href"), PARTS.indexOf("search")];
  const invalid = (input, base) => fault("Invalid URL", "ERR_INVALID_URL", base === undefined ? { input } : { input, base });
  const parsed = (input, base) => native.parseUrl(text(input), base === undefined ? undefined : text(base));

  class URL {
    #parts;
    #params;
    static {
      const accessor = (name, at) => ({
        get() {
          return this.#parts[at];
        },
        set: name === "origin" ? undefined : function (value) {
          this.#change(name, value);
        },
        configurable: true,
      });
      PARTS.forEach((name, at) => Object.defineProperty(URL.prototype, name, accessor(name, at)));
    }
    constructor(input, base = undefined) {
      need(arguments.length, "url");
      this.#parts = parsed(input, base);
      if (!this.#parts) throw invalid(text(input), base === undefined ? undefined : text(base));
    }
    static canParse(input, base = undefined) {
      need(arguments.length, "url");
      return parsed(input, base) !== undefined;
    }
    static parse(input, base = undefined) {
      need(arguments.length, "url");
      return URL.canParse(input, base) ? new URL(input, base) : null;
    }
    #change(name, value) {
      const parts = name === "href" ? parsed(value) : native.changeUrl(this.#parts[HREF], name, text(value));
      if (!parts) throw invalid(text(value));
      this.#parts = parts;
      if (this.#params && (name === "href" || name === "search")) refresh(this.#params, parts[SEARCH]);
    }
    get searchParams() {
      const changed = (query) => void (this.#parts = native.changeUrl(this.#parts[HREF], "search", query));
      return (this.#params ??= ofUrl(this.#parts[SEARCH], changed));
    }
    toString() {
      return this.#parts[HREF];
    }
    toJSON() {
      return this.#parts[HREF];
    }
  }
  publish(URL);

  return { URL, URLSearchParams };
});
