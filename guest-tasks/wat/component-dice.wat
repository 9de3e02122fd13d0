;; function component: gives the random number that its start function was given, whatever its argument.
(component
  (import "wasi:random/random@0.2.0" (instance $random
    (export "get-random-u64" (func (result u64)))))
  (core func $random (canon lower (func $random "get-random-u64")))
  (core module $code
    (import "host" "random" (func $random (result i64)))
    (global $number (mut i64) (i64.const 0))
    (func $start (global.set $number (call $random)))
    (start $start)
    (func (export "roll") (param i32) (result i64) (global.get $number)))
  (core instance $i (instantiate $code (with "host" (instance (export "random" (func $random))))))
  (func (export "roll") (param "row" u32) (result u64) (canon lift (core func $i "roll"))))
