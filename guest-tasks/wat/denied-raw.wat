;; raw: takes all the memory it can get, a page at a time. Then row 0 is returned, row 1 returns a place outside of the
;; memory, row 2 traps, and row 3 never ends.
(module
  (memory (export "memory") 1)
  (func $alloc (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param $ptr i32) (param $len i32) (result i64)
    (local $way i32)
    (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (local.set $way (i32.load8_u (local.get $ptr)))
    (if (i32.eq (local.get $way) (i32.const 0x31)) (then (return (i64.const 0xffff_fff0_0000_0001))))
    (if (i32.eq (local.get $way) (i32.const 0x32)) (then unreachable))
    (if (i32.eq (local.get $way) (i32.const 0x33)) (then (loop $spin (br $spin))))
    (i64.or
      (i64.shl (i64.extend_i32_u (local.get $ptr)) (i64.const 32))
      (i64.extend_i32_u (local.get $len)))))
