;; function component: gives what chance and time give, whatever its argument: a random number, an insecure one, half of
;; the insecure seed, the seconds of the wall clock, the monotonic clock, and that after a sleep of an hour.
(component
  (import "wasi:random/random@0.2.0" (instance $random
    (export "get-random-u64" (func (result u64)))))
  (import "wasi:random/insecure@0.2.0" (instance $insecure
    (export "get-insecure-random-u64" (func (result u64)))))
  (import "wasi:random/insecure-seed@0.2.0" (instance $insecure-seed
    (export "insecure-seed" (func (result (tuple u64 u64))))))
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $pollable (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $pollable))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $monotonic
    (alias outer 1 $pollable (type $theirs))
    (export "pollable" (type $own (eq $theirs)))
    (export "now" (func (result u64)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $own))))))
  (import "wasi:clocks/wall-clock@0.2.0" (instance $wall
    (type $fields (record (field "seconds" u64) (field "nanoseconds" u32)))
    (export "datetime" (type $datetime (eq $fields)))
    (export "now" (func (result $datetime)))))

  (core module $store (memory (export "memory") 1))
  (core instance $store (instantiate $store))
  (core func $random (canon lower (func $random "get-random-u64")))
  (core func $insecure (canon lower (func $insecure "get-insecure-random-u64")))
  (core func $seed (canon lower (func $insecure-seed "insecure-seed") (memory (core memory $store "memory"))))
  (core func $block (canon lower (func $poll "[method]pollable.block")))
  (core func $now (canon lower (func $monotonic "now")))
  (core func $subscribe (canon lower (func $monotonic "subscribe-duration")))
  (core func $wall (canon lower (func $wall "now") (memory (core memory $store "memory"))))
  (core func $drop (canon resource.drop $pollable))

  (core module $code
    (import "host" "memory" (memory 1))
    (import "host" "random" (func $random (result i64)))
    (import "host" "insecure" (func $insecure (result i64)))
    (import "host" "seed" (func $seed (param i32)))
    (import "host" "block" (func $block (param i32)))
    (import "host" "now" (func $now (result i64)))
    (import "host" "subscribe" (func $subscribe (param i64) (result i32)))
    (import "host" "wall" (func $wall (param i32)))
    (import "host" "drop" (func $drop (param i32)))

    ;; The result stands at 64.
    (func (export "look") (param i32) (result i32)
      (local $pollable i32)
      (i64.store (i32.const 64) (call $random))
      (i64.store (i32.const 72) (call $insecure))
      (call $seed (i32.const 0))
      (i64.store (i32.const 80) (i64.load (i32.const 0)))
      (call $wall (i32.const 0))
      (i64.store (i32.const 88) (i64.load (i32.const 0)))
      (i64.store (i32.const 96) (call $now))
      (local.set $pollable (call $subscribe (i64.const 3600000000000)))
      (call $block (local.get $pollable))
      (call $drop (local.get $pollable))
      (i64.store (i32.const 104) (call $now))
      (i32.const 64)))
  (core instance $i (instantiate $code (with "host" (instance
    (export "memory" (memory $store "memory"))
    (export "random" (func $random))
    (export "insecure" (func $insecure))
    (export "seed" (func $seed))
    (export "block" (func $block))
    (export "now" (func $now))
    (export "subscribe" (func $subscribe))
    (export "wall" (func $wall))
    (export "drop" (func $drop))))))
  (func (export "look") (param "row" u32) (result (tuple u64 u64 u64 u64 u64 u64))
    (canon lift (core func $i "look") (memory (core memory $store "memory")))))
