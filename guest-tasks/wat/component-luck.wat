;; function component: gives a random number, an insecure one, half of the insecure seed, the monotonic clock and the
;; number of a call, whatever its argument. It asks for what gives no handle.
(component
  (import "wasi:random/random@0.2.0" (instance $random
    (export "get-random-u64" (func (result u64)))))
  (import "wasi:random/insecure@0.2.0" (instance $insecure
    (export "get-insecure-random-u64" (func (result u64)))))
  (import "wasi:random/insecure-seed@0.2.0" (instance $insecure-seed
    (export "insecure-seed" (func (result (tuple u64 u64))))))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $monotonic
    (export "now" (func (result u64)))
    (export "resolution" (func (result u64)))))
  (import "wasi:clocks/wall-clock@0.2.0" (instance $wall
    (type $fields (record (field "seconds" u64) (field "nanoseconds" u32)))
    (export "datetime" (type $datetime (eq $fields)))
    (export "now" (func (result $datetime)))))

  (core module $store (memory (export "memory") 1))
  (core instance $store (instantiate $store))
  (core func $random (canon lower (func $random "get-random-u64")))
  (core func $insecure (canon lower (func $insecure "get-insecure-random-u64")))
  (core func $seed (canon lower (func $insecure-seed "insecure-seed") (memory (core memory $store "memory"))))
  (core func $now (canon lower (func $monotonic "now")))
  (core func $resolution (canon lower (func $monotonic "resolution")))
  (core func $wall (canon lower (func $wall "now") (memory (core memory $store "memory"))))

  (core module $code
    (import "host" "memory" (memory 1))
    (import "host" "random" (func $random (result i64)))
    (import "host" "insecure" (func $insecure (result i64)))
    (import "host" "seed" (func $seed (param i32)))
    (import "host" "now" (func $now (result i64)))
    (import "host" "resolution" (func $resolution (result i64)))
    (import "host" "wall" (func $wall (param i32)))
    (global $calls (mut i64) (i64.const 0))

    ;; The result stands at 64.
    (func (export "look") (param i32) (result i32)
      (global.set $calls (i64.add (global.get $calls) (i64.const 1)))
      (i64.store (i32.const 64) (call $random))
      (i64.store (i32.const 72) (call $insecure))
      (call $seed (i32.const 0))
      (i64.store (i32.const 80) (i64.load (i32.const 0)))
      (call $wall (i32.const 0))
      (i64.store (i32.const 88) (call $now))
      (i64.store (i32.const 96) (global.get $calls))
      (drop (call $resolution))
      (i32.const 64)))
  (core instance $i (instantiate $code (with "host" (instance
    (export "memory" (memory $store "memory"))
    (export "random" (func $random))
    (export "insecure" (func $insecure))
    (export "seed" (func $seed))
    (export "now" (func $now))
    (export "resolution" (func $resolution))
    (export "wall" (func $wall))))))
  (func (export "look") (param "row" u32) (result (tuple u64 u64 u64 u64 u64))
    (canon lift (core func $i "look") (memory (core memory $store "memory")))))
