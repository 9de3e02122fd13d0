;; task component: prints "reading" to stderr, then its `init` refuses with its argument, unless that is empty.
(component
  (import "wasi:io/error@0.2.0" (instance $errors (export "error" (type (sub resource)))))
  (alias export $errors "error" (type $error))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (alias outer 1 $error (type $outer))
    (export "error" (type $error' (eq $outer)))
    (export "output-stream" (type $stream (sub resource)))
    (type $stream-error (variant (case "last-operation-failed" (own $error')) (case "closed")))
    (export "stream-error" (type $stream-error' (eq $stream-error)))
    (export "[method]output-stream.blocking-write-and-flush"
      (func (param "self" (borrow $stream)) (param "contents" (list u8)) (result (result (error $stream-error')))))))
  (alias export $streams "output-stream" (type $stream))
  (import "wasi:cli/stderr@0.2.0" (instance $stderr
    (alias outer 1 $stream (type $outer))
    (export "output-stream" (type $stream' (eq $outer)))
    (export "get-stderr" (func (result (own $stream'))))))

  (core module $memory
    (memory (export "memory") 1)
    (data (i32.const 64) "reading\n")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $m (instantiate $memory))
  (core func $get (canon lower (func $stderr "get-stderr")))
  (core func $write (canon lower
    (func $streams "[method]output-stream.blocking-write-and-flush")
    (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
  (core func $drop (canon resource.drop $stream))

  (core module $code
    (import "m" "memory" (memory 1))
    (import "host" "get" (func $get (result i32)))
    (import "host" "write" (func $write (param i32 i32 i32 i32)))
    (import "host" "drop" (func $drop (param i32)))
    (func (export "init") (param $ptr i32) (param $len i32) (result i32)
      (local $stderr i32)
      (local.set $stderr (call $get))
      (call $write (local.get $stderr) (i32.const 64) (i32.const 8) (i32.const 32))
      (call $drop (local.get $stderr))
      (i32.store8 (i32.const 0) (i32.ne (local.get $len) (i32.const 0)))
      (i32.store offset=4 (i32.const 0) (local.get $ptr))
      (i32.store offset=8 (i32.const 0) (local.get $len))
      (i32.const 0))
    (func (export "run") (param $ptr i32) (param $len i32) (result i32)
      (i32.store8 (i32.const 0) (i32.const 0))
      (i32.store offset=4 (i32.const 0) (local.get $ptr))
      (i32.store offset=8 (i32.const 0) (local.get $len))
      (i32.const 0)))

  (core instance $i (instantiate $code
    (with "m" (instance $m))
    (with "host" (instance (export "get" (func $get)) (export "write" (func $write)) (export "drop" (func $drop))))))
  (func (export "init") (param "arg" (list u8)) (result (result (error string)))
    (canon lift (core func $i "init") (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
  (func (export "run") (param "input" (list u8)) (result (result (list u8) (error string)))
    (canon lift (core func $i "run") (memory (core memory $m "memory")) (realloc (core func $m "realloc")))))
