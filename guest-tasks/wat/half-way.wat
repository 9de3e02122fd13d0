;; command: prints "half\n", and then ends as the first letter of its row says: (t)rap, (s)pin, (n)ap for an hour, grow
;; memory until it is denied and (g)ive up, (f)ill 4 GiB of memory again and again, exit with 3 for any other letter.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "half\n")

  (func $letter (result i32)
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 64))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.load8_u (i32.const 1024)))

  (func $print
    (i32.store (i32.const 0) (i32.const 16))
    (i32.store (i32.const 4) (i32.const 5))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func $nap
    (i64.store (i32.const 2072) (i64.const 3600000000000)) ;; a relative time of the clock 0
    (drop (call $poll_oneoff (i32.const 2048) (i32.const 4096) (i32.const 1) (i32.const 8))))

  (func $grow
    (loop $more
      (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    unreachable)

  (func $fill
    (loop $more
      (br_if $more (i32.ne (memory.grow (i32.const 64)) (i32.const -1))))
    (loop $forever
      (memory.fill (i32.const 0) (i32.const 0) (i32.sub (i32.shl (memory.size) (i32.const 16)) (i32.const 1)))
      (br $forever)))

  (func $_start (export "_start")
    (local $letter i32)
    (local.set $letter (call $letter))
    (call $print)
    (if (i32.eq (local.get $letter) (i32.const 0x74)) (then unreachable))
    (if (i32.eq (local.get $letter) (i32.const 0x73)) (then (loop $forever (br $forever))))
    (if (i32.eq (local.get $letter) (i32.const 0x6e)) (then (call $nap)))
    (if (i32.eq (local.get $letter) (i32.const 0x67)) (then (call $grow)))
    (if (i32.eq (local.get $letter) (i32.const 0x66)) (then (call $fill)))
    (call $proc_exit (i32.const 3))))
