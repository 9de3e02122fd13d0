;; command: copies the file `data.txt` of the first granted directory to stdout. If it cannot, it writes the error
;; number to stderr and exits with 1.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "data.txt")

  ;; A write may take less than it is given.
  (func $write (param $fd i32) (param $ptr i32) (param $len i32)
    (loop $rest
      (i32.store (i32.const 0) (local.get $ptr))
      (i32.store (i32.const 4) (local.get $len))
      (if (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
      (local.set $ptr (i32.add (local.get $ptr) (i32.load (i32.const 8))))
      (br_if $rest (local.tee $len (i32.sub (local.get $len) (i32.load (i32.const 8)))))))

  ;; Writes $n in decimal so that it ends before $end; returns where it starts.
  (func $decimal (param $n i32) (param $end i32) (result i32)
    (loop $digit
      (local.set $end (i32.sub (local.get $end) (i32.const 1)))
      (i32.store8
        (local.get $end)
        (i32.add (i32.const 0x30) (i32.rem_u (local.get $n) (i32.const 10))))
      (br_if $digit (local.tee $n (i32.div_u (local.get $n) (i32.const 10)))))
    (local.get $end))

  (func $check (param $errno i32)
    (local $at i32)
    (if (local.get $errno)
      (then
        (local.set $at (call $decimal (local.get $errno) (i32.const 512)))
        (call $write (i32.const 2) (local.get $at) (i32.sub (i32.const 512) (local.get $at)))
        (call $proc_exit (i32.const 1)))))

  (func $_start (export "_start")
    (local $len i32)
    (call $check
      (call $path_open
        (i32.const 3) (i32.const 1) ;; following symbolic links
        (i32.const 16) (i32.const 8) (i32.const 0)
        (i64.const 2) (i64.const 0) ;; the right to read
        (i32.const 0) (i32.const 32)))
    (loop $more
      (i32.store (i32.const 0) (i32.const 1024))
      (i32.store (i32.const 4) (i32.const 0x8000))
      (call $check (call $fd_read (i32.load (i32.const 32)) (i32.const 0) (i32.const 1) (i32.const 8)))
      (if (local.tee $len (i32.load (i32.const 8)))
        (then
          (call $write (i32.const 1) (i32.const 1024) (local.get $len))
          (br $more))))))
