;; A component that exports two functions, so somebody has to say which.
(component
  (core module $m
    (func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
    (func (export "halve") (param i32) (result i32) (i32.div_u (local.get 0) (i32.const 2))))
  (core instance $i (instantiate $m))
  (func (export "double") (param "n" u32) (result u32) (canon lift (core func $i "double")))
  (func (export "halve") (param "n" u32) (result u32) (canon lift (core func $i "halve"))))
