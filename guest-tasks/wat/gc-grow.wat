;; raw: keeps structures of the collector's heap in a list that never ends. No memory of its own grows.
(module
  (memory (export "memory") 1)
  (type $bytes (array (mut i8)))
  (type $node (struct (field (ref $bytes)) (field (ref null $node))))
  (func (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "run") (param i32 i32) (result i64)
    (local $list (ref null $node))
    (loop $again (result i64)
      (local.set $list (struct.new $node (array.new_default $bytes (i32.const 100000)) (local.get $list)))
      (br $again))))
