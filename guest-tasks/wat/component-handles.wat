;; function component: takes so many handles of its standard output and drops them, the first one first. Gives the number
;; of the first, which is 1 in a new instance.
(component
  (import "wasi:io/error@0.2.0" (instance $error (export "error" (type (sub resource)))))
  (import "wasi:io/streams@0.2.0" (instance $streams (export "output-stream" (type (sub resource)))))
  (alias export $streams "output-stream" (type $stream))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $stream (type $theirs))
    (export "output-stream" (type $own (eq $theirs)))
    (export "get-stdout" (func (result (own $own))))))
  (core func $get (canon lower (func $stdout "get-stdout")))
  (core func $drop (canon resource.drop $stream))

  (core module $code
    (import "host" "get" (func $get (result i32)))
    (import "host" "drop" (func $drop (param i32)))
    (memory 1)
    (func (export "take") (param $count i32) (result i32)
      (local $at i32)
      (if (i32.eqz (local.get $count)) (then (return (i32.const 0))))
      (loop $next
        (i32.store (i32.mul (local.get $at) (i32.const 4)) (call $get))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $at) (local.get $count))))
      (local.set $at (i32.const 0))
      (loop $next
        (call $drop (i32.load (i32.mul (local.get $at) (i32.const 4))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $at) (local.get $count))))
      (i32.load (i32.const 0))))
  (core instance $i (instantiate $code (with "host" (instance (export "get" (func $get)) (export "drop" (func $drop))))))
  (func (export "take") (param "count" u32) (result u32) (canon lift (core func $i "take"))))
