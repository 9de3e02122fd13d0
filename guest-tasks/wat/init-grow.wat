;; raw: `wpool_init` asks for 100 MiB; every task answers whether it got them, "yes" or "no".
(module
  (memory (export "memory") 1)
  (data (i32.const 64) "\"yes\"")
  (data (i32.const 80) "\"no\"")
  (global $refused (mut i32) (i32.const 0))
  (func (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "wpool_init")
    (global.set $refused (i32.lt_s (memory.grow (i32.const 1600)) (i32.const 0))))
  (func (export "run") (param i32 i32) (result i64)
    (if (result i64) (global.get $refused)
      (then (i64.or (i64.shl (i64.const 80) (i64.const 32)) (i64.const 4)))
      (else (i64.or (i64.shl (i64.const 64) (i64.const 32)) (i64.const 5))))))
