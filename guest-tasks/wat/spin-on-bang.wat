;; raw: loops for ever on a row whose first or second byte is "!", such as a JSON string that begins so; returns any
;; other row.
(module
  (memory (export "memory") 1)
  (func $alloc (export "alloc") (param i32) (result i32) (i32.const 1024))

  (func $bang (param $ptr i32) (param $len i32) (result i32)
    (i32.or
      (i32.and
        (i32.ge_u (local.get $len) (i32.const 1))
        (i32.eq (i32.load8_u (local.get $ptr)) (i32.const 0x21)))
      (i32.and
        (i32.ge_u (local.get $len) (i32.const 2))
        (i32.eq (i32.load8_u offset=1 (local.get $ptr)) (i32.const 0x21)))))

  (func $run (export "run") (param $ptr i32) (param $len i32) (result i64)
    (if (call $bang (local.get $ptr) (local.get $len)) (then (loop $forever (br $forever))))
    (i64.or
      (i64.shl (i64.extend_i32_u (local.get $ptr)) (i64.const 32))
      (i64.extend_i32_u (local.get $len)))))
