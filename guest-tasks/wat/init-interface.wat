;; task component: `init` keeps the first byte of its argument, which `run` returns; both are in the interface.
(component
  (core module $code
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "init") (param $ptr i32) (param i32) (result i32)
      (i32.store8 (i32.const 64) (i32.load8_u (local.get $ptr)))
      (i32.const 0))
    (func (export "run") (param i32 i32) (result i32)
      (i32.store offset=4 (i32.const 0) (i32.const 64))
      (i32.store offset=8 (i32.const 0) (i32.const 1))
      (i32.const 0)))

  (core instance $i (instantiate $code))
  (func $init (param "arg" (list u8)) (result (result (error string)))
    (canon lift (core func $i "init") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (func $run (param "input" (list u8)) (result (result (list u8) (error string)))
    (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (instance $task (export "init" (func $init)) (export "run" (func $run)))
  (export "wpool:task/task@0.1.0" (instance $task)))
