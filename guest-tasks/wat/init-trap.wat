;; raw: `wpool_init` traps.
(module
  (memory (export "memory") 1)
  (func (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func $wpool_init (export "wpool_init") unreachable)
  (func (export "run") (param i32 i32) (result i64) (i64.const 0)))
