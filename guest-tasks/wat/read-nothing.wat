;; command: reads 0 bytes from its standard input, by no place, by one and by two of no length, and then the rest of it, which
;; it writes. Exits with an error number, or with 101 if a read of nothing gave something.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)

  (func $nothing (param $places i32)
    (local $error i32)
    (i32.store (i32.const 64) (i32.const 7))
    (local.set $error (call $fd_read (i32.const 0) (i32.const 16) (local.get $places) (i32.const 64)))
    (if (local.get $error) (then (call $proc_exit (local.get $error))))
    (if (i32.load (i32.const 64)) (then (call $proc_exit (i32.const 101)))))

  (func $_start (export "_start")
    (call $nothing (i32.const 0))
    (call $nothing (i32.const 1))
    (call $nothing (i32.const 2))
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 64))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 4)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    ;; At the end of the input as well.
    (call $nothing (i32.const 1))))
