;; command: says two lines on stderr, the second with a command for terminals, sleeps as many milliseconds as its row
;; says in decimal, then writes "slept" as JSON.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "\"slept\"" "first step\nsecond \1b[31mstep\n")

  ;; The decimal number on stdin, which is short enough for one read.
  (func $number (result i64)
    (local $at i32) (local $digit i64) (local $n i64)
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 64))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (local.set $at (i32.const 1024))
    (loop $next
      (local.set $digit (i64.sub (i64.load8_u (local.get $at)) (i64.const 0x30)))
      (if (i64.lt_u (local.get $digit) (i64.const 10))
        (then
          (local.set $n (i64.add (i64.mul (local.get $n) (i64.const 10)) (local.get $digit)))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $next))))
    (local.get $n))

  (func $write (param $fd i32) (param $ptr i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $ptr))
    (i32.store (i32.const 4) (local.get $len))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))

  ;; A subscription stands at 64. Its zeros say: a clock, relative time; the clock is 1, the monotonic one.
  (func $_start (export "_start")
    (call $write (i32.const 2) (i32.const 23) (i32.const 28))
    (i32.store offset=16 (i32.const 64) (i32.const 1))
    (i64.store offset=24 (i32.const 64) (i64.mul (call $number) (i64.const 1000000)))
    (drop (call $poll_oneoff (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 8)))
    (call $write (i32.const 1) (i32.const 16) (i32.const 7))))
