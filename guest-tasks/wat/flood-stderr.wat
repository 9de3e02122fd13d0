;; command: writes the line "first", 1 MiB of lines of "x" and the line "last" to stderr, and "done" as JSON to stdout.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "first\nlast\n\"done\"")

  (func $write (param $fd i32) (param $ptr i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $ptr))
    (i32.store (i32.const 4) (local.get $len))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func $_start (export "_start")
    (local $left i32)
    (call $write (i32.const 2) (i32.const 16) (i32.const 6))
    (memory.fill (i32.const 1024) (i32.const 0x78) (i32.const 1023))
    (i32.store8 (i32.const 2047) (i32.const 0x0a))
    (local.set $left (i32.const 1024))
    (loop $line
      (call $write (i32.const 2) (i32.const 1024) (i32.const 1024))
      (br_if $line (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (call $write (i32.const 2) (i32.const 22) (i32.const 5))
    (call $write (i32.const 1) (i32.const 27) (i32.const 6))))
