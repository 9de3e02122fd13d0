;; A component whose only export is an asynchronous function of numbers. It gives up its turn once, by its callback, before
;; it returns the sum.
(component
  (core module $memory (memory (export "memory") 1))
  (core instance $memory (instantiate $memory))
  (core func $return (canon task.return (result s32)))
  (core module $m
    (import "task" "return" (func $return (param i32)))
    (global $sum (mut i32) (i32.const 0))
    ;; 1 yields: the callback is called soon.
    (func (export "add") (param i32 i32) (result i32)
      (global.set $sum (i32.add (local.get 0) (local.get 1)))
      (i32.const 1))
    ;; 0 exits.
    (func (export "callback") (param i32 i32 i32) (result i32)
      (call $return (global.get $sum))
      (i32.const 0)))
  (core instance $i (instantiate $m (with "task" (instance (export "return" (func $return))))))
  (func (export "add") async (param "a" s32) (param "b" s32) (result s32)
    (canon lift (core func $i "add") async (callback (core func $i "callback")))))
