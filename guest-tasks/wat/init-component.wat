;; task component: `init` keeps its argument and draws a random byte; returns [calls of `run`,"the byte",the argument].
(component
  (import "wasi:random/random@0.2.0" (instance $random (export "get-random-u64" (func (result u64)))))
  (core module $code
    (import "random" "get" (func $random (result i64)))
    (memory (export "memory") 1)
    (global $length (mut i32) (i32.const 0))
    (global $runs (mut i32) (i32.const 0x30))

    ;; Rows and arguments stand at 4096 and are no larger than 32 KiB.
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))

    ;; The argument moves to 1032, behind what `run` writes before it. The result stands at 0: a zero for "ok".
    (func (export "init") (param $ptr i32) (param $len i32) (result i32)
      (memory.copy (i32.const 1032) (local.get $ptr) (local.get $len))
      (i32.store8 (i32.add (i32.const 1032) (local.get $len)) (i32.const 0x5d))
      (global.set $length (local.get $len))
      (i64.store (i32.const 1024) (i64.const 0x2c22_41_41_22_2c_30_5b))
      (i32.store8 (i32.const 1028) (i32.add (i32.const 0x41) (i32.and (i32.wrap_i64 (call $random)) (i32.const 15))))
      (i32.store8 (i32.const 1029) (i32.add (i32.const 0x41) (i32.and (i32.wrap_i64 (call $random)) (i32.const 15))))
      (i32.const 0))

    (func (export "run") (param i32 i32) (result i32)
      (global.set $runs (i32.add (global.get $runs) (i32.const 1)))
      (i32.store8 (i32.const 1025) (global.get $runs))
      (i32.store offset=4 (i32.const 0) (i32.const 1024))
      (i32.store offset=8 (i32.const 0) (i32.add (global.get $length) (i32.const 9)))
      (i32.const 0)))

  (core func $get (canon lower (func $random "get-random-u64")))
  (core instance $i (instantiate $code (with "random" (instance (export "get" (func $get))))))
  (func (export "init") (param "arg" (list u8)) (result (result (error string)))
    (canon lift (core func $i "init") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (func (export "run") (param "input" (list u8)) (result (result (list u8) (error string)))
    (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))
