;; command: prints the sum of two numbers, and traps at numbers over 1000.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $at (mut i32) (i32.const 1024))

  (func $solve (param $a i64) (param $b i64) (result i64)
    (if (i64.gt_u (local.get $a) (i64.const 1000)) (then unreachable))
    (i64.add (local.get $a) (local.get $b)))

  ;; The next number of the input, which ends before any byte below "0".
  (func $number (result i64)
    (local $n i64) (local $digit i32)
    (loop $more
      (local.set $digit (i32.sub (i32.load8_u (global.get $at)) (i32.const 48)))
      (global.set $at (i32.add (global.get $at) (i32.const 1)))
      (if (i32.ge_s (local.get $digit) (i32.const 0))
        (then
          (local.set $n (i64.add (i64.mul (local.get $n) (i64.const 10)) (i64.extend_i32_u (local.get $digit))))
          (br $more))))
    (local.get $n))

  (func $print (param $n i64)
    (local $at i32)
    (local.set $at (i32.const 64))
    (i32.store8 (i32.const 64) (i32.const 10))
    (loop $more
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (local.get $n) (i64.const 10)))))
      (br_if $more (i64.ne (local.tee $n (i64.div_u (local.get $n) (i64.const 10))) (i64.const 0))))
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (i32.sub (i32.const 65) (local.get $at)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func $_start (export "_start")
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 4096))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (call $print (call $solve (call $number) (call $number)))))
