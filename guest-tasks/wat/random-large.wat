;; command: asks for so many random bytes at once as the digits of its row say, in a memory of 4 MiB. Exits with the error
;; number, or with 100 if one of the last 8 bytes never changed in 8 such calls.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 64)

  (func $number (result i32)
    (local $at i32) (local $digit i32) (local $n i32)
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 64))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (local.set $at (i32.const 1024))
    (loop $next
      (local.set $digit (i32.sub (i32.load8_u (local.get $at)) (i32.const 0x30)))
      (if (i32.lt_u (local.get $digit) (i32.const 10))
        (then
          (local.set $n (i32.add (i32.mul (local.get $n) (i32.const 10)) (local.get $digit)))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $next))))
    (local.get $n))

  (func $_start (export "_start")
    (local $length i32) (local $error i32) (local $left i32) (local $seen i64)
    (local.set $length (call $number))
    (local.set $left (i32.const 8))
    (loop $again
      (local.set $error (call $random_get (i32.const 65536) (local.get $length)))
      (if (local.get $error) (then (call $proc_exit (local.get $error))))
      ;; The last 8 bytes of the place.
      (local.set $seen
        (i64.or (local.get $seen) (i64.load (i32.add (i32.const 65528) (local.get $length)))))
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (local.set $left (i32.const 8))
    (loop $byte
      (if (i64.eqz (i64.and (local.get $seen) (i64.const 255))) (then (call $proc_exit (i32.const 100))))
      (local.set $seen (i64.shr_u (local.get $seen) (i64.const 8)))
      (br_if $byte (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (call $proc_exit (i32.const 0))))
