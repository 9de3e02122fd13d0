import * as script from "script";
type Exports = typeof script;
type Run = Exports extends { run: infer F extends (...args: any) => unknown } ? F : Exports extends { default: infer F extends (...args: any) => unknown } ? F : Exports extends { default: { run: infer F extends (...args: any) => unknown } } ? F : "no function run";
const run: (...args: any) => unknown = null! as Run;
const parameters: 0 | 1 = null! as Parameters<Extract<Run, (...args: any) => unknown>>["length"];
const result: Result<Returned> = null! as Returned;

type Returned = Awaited<ReturnType<Extract<Run, (...args: any) => unknown>>>;
type NoValue = "a value that JSON can hold";
type Unfit = ((...args: never) => unknown) | symbol | bigint | ReadonlyMap<any, any> | ReadonlySet<any> | PromiseLike<any> | RegExp | Error;
type Result<T> = 0 extends 1 & T ? T : unknown extends T ? T : T extends void | undefined ? NoValue : T extends Uint8Array | ArrayBuffer ? T : Value<T>;
type Value<T> = 0 extends 1 & T ? T : unknown extends T ? T : T extends string | number | boolean | null ? T : T extends Unfit | ArrayBufferView ? NoValue : T extends { toJSON(...args: any): unknown } ? T : { [K in keyof T]: undefined extends T[K] ? Value<Exclude<T[K], undefined>> | undefined : Value<T[K]> };
export { parameters, result, run };
