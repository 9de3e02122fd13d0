;; task component: `init` opens stderr and leaves it open; returns its row.
(component
  (import "wasi:io/streams@0.2.0" (instance $streams (export "output-stream" (type (sub resource)))))
  (alias export $streams "output-stream" (type $stream))
  (import "wasi:cli/stderr@0.2.0" (instance $stderr
    (alias outer 1 $stream (type $outer))
    (export "output-stream" (type $stream' (eq $outer)))
    (export "get-stderr" (func (result (own $stream'))))))
  (core func $get (canon lower (func $stderr "get-stderr")))
  (core func $drop (canon resource.drop $stream))

  (core module $code
    (import "host" "get" (func $get (result i32)))
    (import "host" "drop" (func $drop (param i32)))
    (memory (export "memory") 1)
    (global $stderr (mut i32) (i32.const 0))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "init") (param i32 i32) (result i32)
      (global.set $stderr (call $get))
      (i32.const 0))
    ;; Closes what `init` has opened: a trap unless it is open in this instance.
    (func (export "run") (param $ptr i32) (param $len i32) (result i32)
      (call $drop (global.get $stderr))
      (i32.store offset=4 (i32.const 0) (local.get $ptr))
      (i32.store offset=8 (i32.const 0) (local.get $len))
      (i32.const 0)))

  (core instance $i (instantiate $code
    (with "host" (instance (export "get" (func $get)) (export "drop" (func $drop))))))
  (func (export "init") (param "arg" (list u8)) (result (result (error string)))
    (canon lift (core func $i "init") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (func (export "run") (param "input" (list u8)) (result (result (list u8) (error string)))
    (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))
