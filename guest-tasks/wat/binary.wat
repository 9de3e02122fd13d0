;; raw: returns the bytes ff fe 00, which are no UTF-8.
(module
  (memory (export "memory") 1)
  (data (i32.const 16) "\ff\fe\00")
  (func $alloc (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param i32 i32) (result i64) (i64.const 0x00000010_00000003)))
