;; command: throws an exception for each byte of its input and catches it. Prints "caught" and ends; with a row that begins
;; with "!", or a JSON string that begins so, the last exception leaves it.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "caught")
  (tag $byte (param i32))

  (func $throw (param $value i32) (throw $byte (local.get $value)))

  ;; Gives back what was thrown.
  (func $catch (param $value i32) (result i32)
    (block $caught (result i32)
      (try_table (catch $byte $caught) (call $throw (local.get $value)))
      unreachable))

  (func $is_bang (param $at i32) (result i32) (i32.eq (i32.load8_u (local.get $at)) (i32.const 0x21)))

  (func (export "_start")
    (local $at i32)
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 0x8000))
    (if (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
    (local.set $at (i32.const 1024))
    (loop $next
      (if (i32.lt_u (local.get $at) (i32.add (i32.const 1024) (i32.load (i32.const 8))))
        (then
          (if (i32.ne (call $catch (i32.load8_u (local.get $at))) (i32.load8_u (local.get $at))) (then unreachable))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $next))))
    (if (i32.or (call $is_bang (i32.const 1024)) (call $is_bang (i32.const 1025))) (then (call $throw (i32.const 7))))
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const 6))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
