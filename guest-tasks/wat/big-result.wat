;; raw: returns as many bytes "a" as its row says in decimal; traps if it does not get the memory.
(module
  (memory (export "memory") 1)
  (func $alloc (export "alloc") (param i32) (result i32) (i32.const 1024))

  (func $number (param $ptr i32) (param $len i32) (result i32)
    (local $end i32) (local $n i32)
    (local.set $end (i32.add (local.get $ptr) (local.get $len)))
    (loop $digit
      (if (i32.lt_u (local.get $ptr) (local.get $end))
        (then
          (local.set $n
            (i32.add
              (i32.mul (local.get $n) (i32.const 10))
              (i32.sub (i32.load8_u (local.get $ptr)) (i32.const 0x30))))
          (local.set $ptr (i32.add (local.get $ptr) (i32.const 1)))
          (br $digit))))
    (local.get $n))

  (func $run (export "run") (param $ptr i32) (param $len i32) (result i64)
    (local.set $len (call $number (local.get $ptr) (local.get $len)))
    (if (i32.eq (memory.grow (i32.shr_u (local.get $len) (i32.const 16))) (i32.const -1))
      (then unreachable))
    (memory.fill (i32.const 0) (i32.const 0x61) (local.get $len))
    (i64.extend_i32_u (local.get $len))))
