;; command: writes a JSON array of what chance and time give: two random numbers, the wall clock, the monotonic clock,
;; and after a sleep of 2.5 ms both clocks again.
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; Where the text begins, which grows downwards from 2048.
  (global $at (mut i32) (i32.const 2048))

  (func $byte (param $byte i32)
    (global.set $at (i32.sub (global.get $at) (i32.const 1)))
    (i32.store8 (global.get $at) (local.get $byte)))

  (func $number (param $n i64)
    (loop $digit
      (call $byte (i32.add (i32.const 0x30) (i32.wrap_i64 (i64.rem_u (local.get $n) (i64.const 10)))))
      (br_if $digit (i64.ne (local.tee $n (i64.div_u (local.get $n) (i64.const 10))) (i64.const 0)))))

  (func $random (param $to i32)
    (if (call $random_get (local.get $to) (i32.const 8)) (then unreachable)))
  (func $clock (param $id i32) (param $to i32)
    (if (call $time (local.get $id) (i64.const 1) (local.get $to)) (then unreachable)))

  ;; The numbers stand from 512 on, a subscription at 64: its zeros say a clock, relative time; the clock is 1, the
  ;; monotonic one.
  (func $_start (export "_start")
    (local $n i32)
    (call $random (i32.const 512))
    (call $random (i32.const 520))
    (call $clock (i32.const 0) (i32.const 528))
    (call $clock (i32.const 1) (i32.const 536))
    (i32.store offset=16 (i32.const 64) (i32.const 1))
    (i64.store offset=24 (i32.const 64) (i64.const 2500000))
    (if (call $poll_oneoff (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 8)) (then unreachable))
    (call $clock (i32.const 0) (i32.const 544))
    (call $clock (i32.const 1) (i32.const 552))
    (call $byte (i32.const 0x5d))
    (local.set $n (i32.const 560))
    (loop $next
      (local.set $n (i32.sub (local.get $n) (i32.const 8)))
      (call $number (i64.load (local.get $n)))
      (if (i32.gt_u (local.get $n) (i32.const 512))
        (then
          (call $byte (i32.const 0x2c))
          (br $next))))
    (call $byte (i32.const 0x5b))
    (i32.store (i32.const 0) (global.get $at))
    (i32.store (i32.const 4) (i32.sub (i32.const 2048) (global.get $at)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
