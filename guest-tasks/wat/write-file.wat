;; command: writes `hello` to the file `out.txt` of the first granted directory. If it cannot, it says so on stderr and
;; exits with 1.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "out.txt" "hello" "cannot write out.txt\n")

  (func $write (param $fd i32) (param $ptr i32) (param $len i32) (result i32)
    (i32.store (i32.const 0) (local.get $ptr))
    (i32.store (i32.const 4) (local.get $len))
    (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))

  (func $check (param $errno i32)
    (if (local.get $errno)
      (then
        (drop (call $write (i32.const 2) (i32.const 28) (i32.const 21)))
        (call $proc_exit (i32.const 1)))))

  (func $_start (export "_start")
    (call $check
      (call $path_open
        (i32.const 3) (i32.const 1) ;; following symbolic links
        (i32.const 16) (i32.const 7) (i32.const 9) ;; created if missing, else emptied
        (i64.const 64) (i64.const 0) ;; the right to write
        (i32.const 0) (i32.const 64)))
    (call $check (call $write (i32.load (i32.const 64)) (i32.const 23) (i32.const 5)))))
