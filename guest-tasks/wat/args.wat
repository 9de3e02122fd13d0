;; command: writes its arguments, one per line; up to 1 MiB of them.
(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 17)

  ;; A write may take less than it is given.
  (func $write (param $fd i32) (param $ptr i32) (param $len i32)
    (loop $rest
      (i32.store (i32.const 0) (local.get $ptr))
      (i32.store (i32.const 4) (local.get $len))
      (if (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
      (local.set $ptr (i32.add (local.get $ptr) (i32.load (i32.const 8))))
      (br_if $rest (local.tee $len (i32.sub (local.get $len) (i32.load (i32.const 8)))))))

  ;; The strings come one after the other, each with a NUL at its end, which becomes the end of its line.
  (func $_start (export "_start")
    (local $start i32) (local $at i32) (local $end i32)
    (drop (call $sizes (i32.const 16) (i32.const 20)))
    (local.set $start (i32.add (i32.const 1024) (i32.shl (i32.load (i32.const 16)) (i32.const 2))))
    (local.set $end (i32.add (local.get $start) (i32.load (i32.const 20))))
    (drop (call $get (i32.const 1024) (local.get $start)))
    (local.set $at (local.get $start))
    (loop $next
      (if (i32.lt_u (local.get $at) (local.get $end))
        (then
          (if (i32.eqz (i32.load8_u (local.get $at)))
            (then (i32.store8 (local.get $at) (i32.const 0x0a))))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $next))))
    (call $write (i32.const 1) (local.get $start) (i32.sub (local.get $end) (local.get $start)))))
