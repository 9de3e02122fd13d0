;; raw: `wpool_init` grows a table to 7 elements; returns how many it has.
(module
  (memory (export "memory") 1)
  (table $t 2 funcref)
  (func (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "wpool_init") (drop (table.grow $t (ref.null func) (i32.const 5))))
  (func (export "run") (param i32 i32) (result i64)
    (i32.store8 (i32.const 0) (i32.add (i32.const 0x30) (table.size $t)))
    (i64.const 1)))
