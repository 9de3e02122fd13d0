;; command: copies stdin to stdout.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)

  ;; A write may take less than it is given.
  (func $write (param $fd i32) (param $ptr i32) (param $len i32)
    (loop $rest
      (i32.store (i32.const 0) (local.get $ptr))
      (i32.store (i32.const 4) (local.get $len))
      (if (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
      (local.set $ptr (i32.add (local.get $ptr) (i32.load (i32.const 8))))
      (br_if $rest (local.tee $len (i32.sub (local.get $len) (i32.load (i32.const 8)))))))

  (func $_start (export "_start")
    (local $len i32)
    (loop $more
      (i32.store (i32.const 0) (i32.const 1024))
      (i32.store (i32.const 4) (i32.const 0x8000))
      (if (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
      (if (local.tee $len (i32.load (i32.const 8)))
        (then
          (call $write (i32.const 1) (i32.const 1024) (local.get $len))
          (br $more))))))
