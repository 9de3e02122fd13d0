;; command: imports the sockets of WASI preview 1 and writes "no socket" when its stdin is none and 3 is nothing.
(module
  (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_recv" (func $recv (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_send" (func $send (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_shutdown" (func $shutdown (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "no socket\n")

  (func $_start (export "_start")
    (if (i32.eqz (call $accept (i32.const 3) (i32.const 0) (i32.const 64))) (then unreachable))
    (if (i32.eqz (call $recv (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64) (i32.const 68)))
      (then unreachable))
    (if (i32.eqz (call $send (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64))) (then unreachable))
    (if (i32.eqz (call $shutdown (i32.const 0) (i32.const 3))) (then unreachable))
    (i32.store (i32.const 0) (i32.const 16))
    (i32.store (i32.const 4) (i32.const 10))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
