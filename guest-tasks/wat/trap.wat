;; raw: traps two calls deep; the names are there for the backtrace.
(module
  (memory (export "memory") 1)
  (func $alloc (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func $outer (export "run") (param i32 i32) (result i64) (call $inner))
  (func $inner (result i64) unreachable))
