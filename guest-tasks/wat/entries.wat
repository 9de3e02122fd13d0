;; A reactor without `_start`, whose `_initialize` has to be called first. `hello` and `code` can be called as commands; the code
;; of the latter is 3 and the length of the row. `upper` is a raw function with the allocator `text_alloc`.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "hello\n")
  (global $ready (mut i32) (i32.const 0))

  (func $_initialize (export "_initialize")
    (global.set $ready (i32.add (global.get $ready) (i32.const 1))))

  ;; Traps unless `_initialize` was called once.
  (func $check
    (if (i32.ne (global.get $ready) (i32.const 1)) (then unreachable)))

  (func $hello (export "hello")
    (call $check)
    (i32.store (i32.const 0) (i32.const 16))
    (i32.store (i32.const 4) (i32.const 6))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func $code (export "code") (result i32)
    (call $hello)
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 64))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.add (i32.const 3) (i32.load (i32.const 8))))

  (func $text_alloc (export "text_alloc") (param i32) (result i32) (i32.const 1024))
  ;; It gives addresses outside of the memory.
  (func $wrong (export "wrong") (param i32) (result i32) (i32.const -8))

  ;; Makes the first letter of the row an upper one.
  (func $upper (export "upper") (param $at i32) (param $length i32) (result i64)
    (call $check)
    (i32.store8 (local.get $at) (i32.and (i32.load8_u (local.get $at)) (i32.const 0xdf)))
    (i64.or
      (i64.shl (i64.extend_i32_u (local.get $at)) (i64.const 32))
      (i64.extend_i32_u (local.get $length))))

  (func $add (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))
