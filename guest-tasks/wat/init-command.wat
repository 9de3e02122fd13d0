;; command: `wpool_init` keeps its standard input and prints "preparing"; `_start` runs the constructors, which forget it,
;; and writes "built N times: " and what was kept.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "preparing\n")
  (data (i32.const 32) "built 0 times: ")
  (global $kept (mut i32) (i32.const 0))

  (func $write (param $fd i32) (param $ptr i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $ptr))
    (i32.store (i32.const 4) (local.get $len))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func $__wasm_call_ctors
    (global.set $kept (i32.const 0))
    (i32.store8 (i32.const 38) (i32.add (i32.load8_u (i32.const 38)) (i32.const 1))))

  (func $wpool_init (export "wpool_init")
    (call $write (i32.const 1) (i32.const 16) (i32.const 10))
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 0x8000))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (global.set $kept (i32.load (i32.const 8))))

  (func $_start (export "_start")
    (call $__wasm_call_ctors)
    (call $write (i32.const 1) (i32.const 32) (i32.const 15))
    (call $write (i32.const 1) (i32.const 1024) (global.get $kept))))
