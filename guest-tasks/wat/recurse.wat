;; raw: recurses without end. No tail call: each level still has an addition to do.
(module
  (memory (export "memory") 1)
  (func $alloc (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func $dive (export "run") (param i32 i32) (result i64)
    (i64.add (call $dive (local.get 1) (local.get 0)) (i64.const 1))))
