;; refused: a raw program that wants 1.2 GiB (20000 pages) before it starts.
(module
  (memory (export "memory") 20000)
  (func $alloc (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param i32 i32) (result i64) (i64.const 0)))
