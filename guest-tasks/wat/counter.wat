;; raw: returns how often it ran, [from a global, from memory]: [1,1] unless an instance is used again.
(module
  (memory (export "memory") 1)
  (global $runs (mut i32) (i32.const 0))
  (func $alloc (export "alloc") (param i32) (result i32) (i32.const 1024))

  ;; Writes $n in decimal so that it ends before $end; returns where it starts.
  (func $decimal (param $n i32) (param $end i32) (result i32)
    (loop $digit
      (local.set $end (i32.sub (local.get $end) (i32.const 1)))
      (i32.store8
        (local.get $end)
        (i32.add (i32.const 0x30) (i32.rem_u (local.get $n) (i32.const 10))))
      (br_if $digit (local.tee $n (i32.div_u (local.get $n) (i32.const 10)))))
    (local.get $end))

  ;; The text is built from its end, at 512.
  (func $run (export "run") (param i32 i32) (result i64)
    (local $at i32)
    (global.set $runs (i32.add (global.get $runs) (i32.const 1)))
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
    (i32.store8 (i32.const 511) (i32.const 0x5d))
    (local.set $at (i32.sub (call $decimal (i32.load (i32.const 0)) (i32.const 511)) (i32.const 1)))
    (i32.store8 (local.get $at) (i32.const 0x2c))
    (local.set $at (i32.sub (call $decimal (global.get $runs) (local.get $at)) (i32.const 1)))
    (i32.store8 (local.get $at) (i32.const 0x5b))
    (i64.or
      (i64.shl (i64.extend_i32_u (local.get $at)) (i64.const 32))
      (i64.extend_i32_u (i32.sub (i32.const 512) (local.get $at))))))
