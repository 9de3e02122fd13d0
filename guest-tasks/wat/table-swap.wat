;; raw: answers what the function in its table says, and puts another one there: "0", unless it was used before.
(module
  (memory (export "memory") 1)
  (data (i32.const 16) "01")
  (type $text (func (result i64)))
  (table 1 funcref)
  (elem (i32.const 0) $zero)
  (elem declare func $one)
  (func (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func $zero (type $text) (i64.const 0x1000000001))
  (func $one (type $text) (i64.const 0x1100000001))
  (func (export "run") (param i32 i32) (result i64)
    (call_indirect (type $text) (i32.const 0))
    (table.set (i32.const 0) (ref.func $one))))
