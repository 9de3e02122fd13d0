;; task component: `init` takes all the memory it can get, a page at a time, and refuses with its argument, unless that is
;; empty. `run` returns row 0, and its row as an error otherwise.
(component
  (core module $code
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func $result (param $ptr i32) (param $len i32) (param $error i32) (result i32)
      (i32.store8 (i32.const 0) (local.get $error))
      (i32.store offset=4 (i32.const 0) (local.get $ptr))
      (i32.store offset=8 (i32.const 0) (local.get $len))
      (i32.const 0))
    (func (export "init") (param $ptr i32) (param $len i32) (result i32)
      (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
      (call $result (local.get $ptr) (local.get $len) (i32.ne (local.get $len) (i32.const 0))))
    (func (export "run") (param $ptr i32) (param $len i32) (result i32)
      (call $result (local.get $ptr) (local.get $len) (i32.ne (i32.load8_u (local.get $ptr)) (i32.const 0x30)))))

  (core instance $i (instantiate $code))
  (func (export "init") (param "arg" (list u8)) (result (result (error string)))
    (canon lift (core func $i "init") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (func (export "run") (param "input" (list u8)) (result (result (list u8) (error string)))
    (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))
