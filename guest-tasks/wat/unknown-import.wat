;; refused: a raw program that imports what nobody provides.
(module
  (import "env" "mystery" (func $mystery))
  (memory (export "memory") 1)
  (func $alloc (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param i32 i32) (result i64) (call $mystery) (i64.const 0)))
