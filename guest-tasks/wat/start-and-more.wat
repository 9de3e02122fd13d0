;; command: prints "start". Beside `_start` it has the command `other`, which prints "other", a function under an empty name,
;; and no `_initialize`.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "start\nother\n")
  (func $print (param $at i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (i32.const 6))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func $_start (export "_start") (call $print (i32.const 16)))
  (func (export ""))
  (func $other (export "other") (call $print (i32.const 22))))
