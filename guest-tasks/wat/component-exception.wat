;; A component whose only export is a function of numbers. An exception leaves it when the sum is 13.
(component
  (core module $m
    (tag $unlucky (param i32))
    (func (export "add") (param i32 i32) (result i32)
      (if (i32.eq (i32.add (local.get 0) (local.get 1)) (i32.const 13)) (then (throw $unlucky (i32.const 13))))
      (i32.add (local.get 0) (local.get 1))))
  (core instance $i (instantiate $m))
  (func (export "add") (param "a" s32) (param "b" s32) (result s32) (canon lift (core func $i "add"))))
