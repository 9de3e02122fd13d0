;; function component: two versions of an interface, each with a function `get` that gives the number of its version.
(component
  (core module $m
    (func (export "one") (param i32) (result i32) (i32.const 1))
    (func (export "two") (param i32) (result i32) (i32.const 2)))
  (core instance $i (instantiate $m))
  (func $one (param "n" u32) (result u32) (canon lift (core func $i "one")))
  (func $two (param "n" u32) (result u32) (canon lift (core func $i "two")))
  (instance $first (export "get" (func $one)))
  (instance $second (export "get" (func $two)))
  (export "my:pkg/api@0.1.0" (instance $first))
  (export "my:pkg/api@0.2.0" (instance $second)))
