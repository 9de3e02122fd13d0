;; function component: `init` traps when it is called again; `add` adds the number of its calls.
(component
  (core module $code
    (memory (export "memory") 1)
    (global $kept (mut i32) (i32.const 0))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "init") (param i32) (param $len i32) (result i32)
      (if (global.get $kept) (then (unreachable)))
      (global.set $kept (i32.const 1))
      (i32.const 0))
    (func (export "add") (param i32) (result i32) (i32.add (local.get 0) (global.get $kept))))
  (core instance $i (instantiate $code))
  (func (export "init") (param "arg" (list u8)) (result (result (error string)))
    (canon lift (core func $i "init") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (func (export "add") (param "n" u32) (result u32) (canon lift (core func $i "add"))))
