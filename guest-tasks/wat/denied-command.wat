;; command: writes "half" to stdout, takes all the memory it can get, a page at a time, and writes "no memory" to stderr.
;; Then row 9 traps, and any other row from 0 to 8 is its exit code.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "half\n")
  (data (i32.const 32) "no memory\n")

  (func $write (param $fd i32) (param $ptr i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $ptr))
    (i32.store (i32.const 4) (local.get $len))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func $_start (export "_start")
    (local $code i32)
    (call $write (i32.const 1) (i32.const 16) (i32.const 5))
    (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (call $write (i32.const 2) (i32.const 32) (i32.const 10))
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 64))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (local.set $code (i32.sub (i32.load8_u (i32.const 1024)) (i32.const 0x30)))
    (if (i32.eq (local.get $code) (i32.const 9)) (then unreachable))
    (call $proc_exit (local.get $code))))
