;; raw: throws and catches exceptions without end.
(module
  (memory (export "memory") 1)
  (tag $e (param i64))
  (func (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func $throw (throw $e (i64.const 1)))
  (func (export "run") (param i32 i32) (result i64)
    (loop $again (result i64)
      (block $caught (result i64)
        (try_table (catch $e $caught) (call $throw))
        unreachable)
      drop
      (br $again))))
