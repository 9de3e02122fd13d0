;; command: uses its first directory as the first letter of its row says, and exits with an error number.
;;   c  exits with the number of entries there, and leaves the file "f"
;;   f  fills the file "f" until there is no room
;;   m  makes files until there is no room
;;   d  makes a directory in a directory in a directory, until there is no room
;;   l  makes a link "l" that leads to /etc, and opens a file through it
;;   r  fills the file "f", removes it, and exits with 0
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $mkdir (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_symlink" (func $symlink (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 3)
  (data (i32.const 16) "f")
  (data (i32.const 17) "d")
  (data (i32.const 18) "l")
  (data (i32.const 32) "00000000")
  (data (i32.const 48) "/etc")
  (data (i32.const 64) "l/passwd")

  (func $letter (result i32)
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 64))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.load8_u (i32.const 1024)))

  ;; Exits with the number of an error.
  (func $check (param $error i32)
    (if (local.get $error) (then (call $proc_exit (local.get $error)))))

  ;; Makes a file and gives its descriptor.
  (func $create (param $name i32) (param $length i32) (result i32)
    (call $check
      (call $path_open (i32.const 3) (i32.const 0) (local.get $name) (local.get $length) (i32.const 1)
        (i64.const 66) (i64.const 66) (i32.const 0) (i32.const 256)))
    (i32.load (i32.const 256)))

  (func $count
    (local $used i32)
    (call $check (call $fd_readdir (i32.const 3) (i32.const 2048) (i32.const 4096) (i64.const 0) (i32.const 256)))
    (local.set $used (i32.load (i32.const 256)))
    (drop (call $create (i32.const 16) (i32.const 1)))
    ;; "." and ".." take 51 bytes, and an entry of one letter 25.
    (call $proc_exit (i32.div_u (i32.sub (local.get $used) (i32.const 51)) (i32.const 25))))

  (func $fill (result i32)
    (local $file i32) (local $error i32)
    (local.set $file (call $create (i32.const 16) (i32.const 1)))
    (i32.store (i32.const 0) (i32.const 65536))
    (i32.store (i32.const 4) (i32.const 65536))
    (loop $more
      (local.set $error (call $fd_write (local.get $file) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br_if $more (i32.eqz (local.get $error))))
    (local.get $error))

  (func $many
    (local $at i32)
    (loop $more
      (call $check (call $fd_close (call $create (i32.const 32) (i32.const 8))))
      (local.set $at (i32.const 39))
      (loop $digit
        (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 0x39))
          (then
            (i32.store8 (local.get $at) (i32.const 0x30))
            (local.set $at (i32.sub (local.get $at) (i32.const 1)))
            (br $digit))))
      (i32.store8 (local.get $at) (i32.add (i32.load8_u (local.get $at)) (i32.const 1)))
      (br $more)))

  (func $deep
    (local $dir i32) (local $outer i32)
    (local.set $dir (i32.const 3))
    (loop $more
      (call $check (call $mkdir (local.get $dir) (i32.const 17) (i32.const 1)))
      (local.set $outer (local.get $dir))
      (call $check
        (call $path_open (local.get $dir) (i32.const 0) (i32.const 17) (i32.const 1) (i32.const 2)
          (i64.const 0x2202) (i64.const 0x2202) (i32.const 0) (i32.const 256)))
      (local.set $dir (i32.load (i32.const 256)))
      (if (i32.ne (local.get $outer) (i32.const 3)) (then (call $check (call $fd_close (local.get $outer)))))
      (br $more)))

  (func $link
    (call $check (call $symlink (i32.const 48) (i32.const 4) (i32.const 3) (i32.const 18) (i32.const 1)))
    (call $check
      (call $path_open (i32.const 3) (i32.const 1) (i32.const 64) (i32.const 8) (i32.const 0)
        (i64.const 2) (i64.const 2) (i32.const 0) (i32.const 256))))

  (func $_start (export "_start")
    (local $letter i32)
    (local.set $letter (call $letter))
    (if (i32.eq (local.get $letter) (i32.const 0x63)) (then (call $count)))
    (if (i32.eq (local.get $letter) (i32.const 0x66)) (then (call $proc_exit (call $fill))))
    (if (i32.eq (local.get $letter) (i32.const 0x6d)) (then (call $many)))
    (if (i32.eq (local.get $letter) (i32.const 0x64)) (then (call $deep)))
    (if (i32.eq (local.get $letter) (i32.const 0x6c)) (then (call $link)))
    (if (i32.eq (local.get $letter) (i32.const 0x72))
      (then
        (drop (call $fill))
        (call $check (call $unlink (i32.const 3) (i32.const 16) (i32.const 1)))))))
