;; raw: counts down from the number in its row, then returns the row.
(module
  (memory (export "memory") 1)
  (func $alloc (export "alloc") (param i32) (result i32) (i32.const 1024))

  (func $number (param $ptr i32) (param $len i32) (result i64)
    (local $end i32) (local $n i64)
    (local.set $end (i32.add (local.get $ptr) (local.get $len)))
    (loop $digit
      (if (i32.lt_u (local.get $ptr) (local.get $end))
        (then
          (local.set $n
            (i64.add
              (i64.mul (local.get $n) (i64.const 10))
              (i64.sub (i64.load8_u (local.get $ptr)) (i64.const 0x30))))
          (local.set $ptr (i32.add (local.get $ptr) (i32.const 1)))
          (br $digit))))
    (local.get $n))

  (func $run (export "run") (param $ptr i32) (param $len i32) (result i64)
    (local $left i64)
    (local.set $left (call $number (local.get $ptr) (local.get $len)))
    (loop $count
      (if (i64.ne (local.get $left) (i64.const 0))
        (then
          (local.set $left (i64.sub (local.get $left) (i64.const 1)))
          (br $count))))
    (i64.or
      (i64.shl (i64.extend_i32_u (local.get $ptr)) (i64.const 32))
      (i64.extend_i32_u (local.get $len)))))
