;; command: fails with exit code 75 the first time that it is given a row, and answers "ok" from then on. It remembers
;; rows by files of their names in the first granted directory, so a row is a plain name of at most 64 bytes.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "\"ok\"" "not yet\n")

  (func $write (param $fd i32) (param $ptr i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $ptr))
    (i32.store (i32.const 4) (local.get $len))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func $_start (export "_start")
    (local $errno i32)
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 64))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (local.set $errno
      (call $path_open
        (i32.const 3) (i32.const 0)
        (i32.const 1024) (i32.load (i32.const 8)) (i32.const 5) ;; created, which fails if it is there
        (i64.const 64) (i64.const 0) ;; the right to write
        (i32.const 0) (i32.const 128)))
    (if (i32.eqz (local.get $errno))
      (then
        (call $write (i32.const 2) (i32.const 20) (i32.const 8))
        (call $proc_exit (i32.const 75))))
    (if (i32.ne (local.get $errno) (i32.const 20)) ;; anything but "exists"
      (then (call $proc_exit (i32.const 1))))
    (call $write (i32.const 1) (i32.const 16) (i32.const 4))))
