;; task component: returns its row after a call of WASI's random numbers, in a version that does not exist yet and with
;; a function that is new in it, which it calls when the row begins with "!".
(component
  (import "wasi:random/random@0.2.99" (instance $random
    (export "get-random-u64" (func (result u64)))
    (export "roll" (func (result u32)))))
  (core func $number (canon lower (func $random "get-random-u64")))
  (core func $roll (canon lower (func $random "roll")))

  (core module $code
    (import "random" "number" (func $number (result i64)))
    (import "random" "roll" (func $roll (result i32)))
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func $run (export "run") (param $ptr i32) (param $len i32) (result i32)
      (drop (call $number))
      (if (i32.eq (i32.load8_u (local.get $ptr)) (i32.const 33)) (then (drop (call $roll))))
      (i32.store offset=4 (i32.const 0) (local.get $ptr))
      (i32.store offset=8 (i32.const 0) (local.get $len))
      (i32.const 0)))

  (core instance $i (instantiate $code
    (with "random" (instance (export "number" (func $number)) (export "roll" (func $roll))))))
  (func (export "run") (param "input" (list u8)) (result (result (list u8) (error string)))
    (canon lift
      (core func $i "run")
      (memory (core memory $i "memory"))
      (realloc (core func $i "realloc")))))
