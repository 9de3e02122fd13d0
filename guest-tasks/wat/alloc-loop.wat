;; raw: its allocator loops for ever, so that it never sees its row.
(module
  (memory (export "memory") 1)
  (func $alloc (export "alloc") (param i32) (result i32) (loop $forever (result i32) (br $forever)))
  (func $run (export "run") (param i32 i32) (result i64) (i64.const 0)))
