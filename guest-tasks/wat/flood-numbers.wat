;; command: prints lines of 8 bytes that count up from 0000000, endlessly.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "0000000\n")

  ;; Adds 1 to the decimal number of 7 digits.
  (func $count
    (local $at i32)
    (local.set $at (i32.const 22))
    (loop $digit
      (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 0x39))
        (then
          (i32.store8 (local.get $at) (i32.const 0x30))
          (local.set $at (i32.sub (local.get $at) (i32.const 1)))
          (br $digit))))
    (i32.store8 (local.get $at) (i32.add (i32.load8_u (local.get $at)) (i32.const 1))))

  (func $_start (export "_start")
    (i32.store (i32.const 0) (i32.const 16))
    (i32.store (i32.const 4) (i32.const 8))
    (loop $forever
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (call $count)
      (br $forever))))
