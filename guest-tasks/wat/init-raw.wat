;; raw: `wpool_init` works for some 0.2 s; returns [what it worked out, calls of `_initialize`, of `wpool_init`, of `run`].
(module
  (memory (export "memory") 1)
  (global $initialized (mut i32) (i32.const 0))
  (global $prepared (mut i32) (i32.const 0))
  (global $runs (mut i32) (i32.const 0))
  (func $alloc (export "alloc") (param i32) (result i32) (i32.const 1024))

  (func $_initialize (export "_initialize")
    (global.set $initialized (i32.add (global.get $initialized) (i32.const 1))))

  ;; A random walk over a table that it fills, from a seed that `_initialize` makes.
  (func $wpool_init (export "wpool_init")
    (local $left i32) (local $x i32)
    (global.set $prepared (i32.add (global.get $prepared) (i32.const 1)))
    (local.set $x (global.get $initialized))
    (local.set $left (i32.const 150000000))
    (loop $step
      (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 1664525)) (i32.const 1013904223)))
      (i32.store (i32.add (i32.const 2048) (i32.and (i32.shr_u (local.get $x) (i32.const 16)) (i32.const 0x7ffc))) (local.get $x))
      (br_if $step (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (i32.store (i32.const 2048) (i32.and (local.get $x) (i32.const 0x7fffffff))))

  ;; Writes $n in decimal so that it ends before $end; returns where it starts.
  (func $decimal (param $n i32) (param $end i32) (result i32)
    (loop $digit
      (local.set $end (i32.sub (local.get $end) (i32.const 1)))
      (i32.store8 (local.get $end) (i32.add (i32.const 0x30) (i32.rem_u (local.get $n) (i32.const 10))))
      (br_if $digit (local.tee $n (i32.div_u (local.get $n) (i32.const 10)))))
    (local.get $end))

  ;; Puts $n and a byte before it in front of $at.
  (func $item (param $before i32) (param $n i32) (param $at i32) (result i32)
    (local.set $at (i32.sub (call $decimal (local.get $n) (local.get $at)) (i32.const 1)))
    (i32.store8 (local.get $at) (local.get $before))
    (local.get $at))

  (func $run (export "run") (param i32 i32) (result i64)
    (local $at i32)
    (global.set $runs (i32.add (global.get $runs) (i32.const 1)))
    (i32.store8 (i32.const 511) (i32.const 0x5d))
    (local.set $at (call $item (i32.const 0x2c) (global.get $runs) (i32.const 511)))
    (local.set $at (call $item (i32.const 0x2c) (global.get $prepared) (local.get $at)))
    (local.set $at (call $item (i32.const 0x2c) (global.get $initialized) (local.get $at)))
    (local.set $at (call $item (i32.const 0x5b) (i32.load (i32.const 2048)) (local.get $at)))
    ;; A mark that the next task would find.
    (i32.store (i32.const 2048) (i32.const 0))
    (i64.or
      (i64.shl (i64.extend_i32_u (local.get $at)) (i64.const 32))
      (i64.extend_i32_u (i32.sub (i32.const 512) (local.get $at))))))
