;; command: makes 100 files, `00` to `99`, in its first directory, and does not care whether it can.
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func $_start (export "_start")
    (local $at i32)
    (loop $next
      (i32.store8 (i32.const 16) (i32.add (i32.const 0x30) (i32.div_u (local.get $at) (i32.const 10))))
      (i32.store8 (i32.const 17) (i32.add (i32.const 0x30) (i32.rem_u (local.get $at) (i32.const 10))))
      (drop
        (call $path_open
          (i32.const 3) (i32.const 0) (i32.const 16) (i32.const 2) (i32.const 1) ;; make it
          (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 32)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 100))))))
