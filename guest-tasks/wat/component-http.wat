;; task component: returns its row, and imports wasi:http, which it calls when the row begins with "!".
(component
  (import "wasi:io/poll@0.2.3" (instance $poll (export "pollable" (type (sub resource)))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:http/types@0.2.3" (instance $types
    (alias outer 1 $pollable (type $outer-pollable))
    (export "pollable" (type $pollable (eq $outer-pollable)))
    (export "outgoing-request" (type $request (sub resource)))
    (export "[constructor]outgoing-request" (func (result (own $request))))
    (export "ready" (func (param "request" (borrow $request)) (result (own $pollable))))))
  (alias export $types "outgoing-request" (type $request))
  (import "wasi:http/outgoing-handler@0.2.3" (instance
    (alias outer 1 $request (type $outer-request))
    (export "outgoing-request" (type $request (eq $outer-request)))
    (export "handle" (func (param "request" (own $request))))))
  (core func $make (canon lower (func $types "[constructor]outgoing-request")))

  (core module $code
    (import "http" "make" (func $make (result i32)))
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func $run (export "run") (param $ptr i32) (param $len i32) (result i32)
      (if (i32.eq (i32.load8_u (local.get $ptr)) (i32.const 33)) (then (drop (call $make))))
      (i32.store offset=4 (i32.const 0) (local.get $ptr))
      (i32.store offset=8 (i32.const 0) (local.get $len))
      (i32.const 0)))

  (core instance $i (instantiate $code (with "http" (instance (export "make" (func $make))))))
  (func (export "run") (param "input" (list u8)) (result (result (list u8) (error string)))
    (canon lift
      (core func $i "run")
      (memory (core memory $i "memory"))
      (realloc (core func $i "realloc")))))
