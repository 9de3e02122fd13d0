;; command: does to a path what the first letter of its row says: `r` opens the file, `w` makes it, `l` opens the directory,
;; `m` makes the directory, `s` asks about it. It finds the directory of the path among its own as the libraries of most
;; languages do, and asks nobody if there is none. Exits with the error number.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $mkdir (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get" (func $stat (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)

  ;; The directory that was found, and the length of its name.
  (global $dir (mut i32) (i32.const -1))
  (global $most (mut i32) (i32.const 0))

  ;; Whether the path at 1025 begins with the name at 8192.
  (func $begins (param $length i32) (result i32)
    (local $at i32)
    (loop $next
      (if (i32.eq (local.get $at) (local.get $length)) (then (return (i32.const 1))))
      (if
        (i32.ne
          (i32.load8_u offset=1025 (local.get $at))
          (i32.load8_u offset=8192 (local.get $at)))
        (then (return (i32.const 0))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $next))
    (unreachable))

  (func $find
    (local $fd i32) (local $length i32)
    (local.set $fd (i32.const 3))
    (loop $next
      (if (call $prestat (local.get $fd) (i32.const 16)) (then (return)))
      (local.set $length (i32.load (i32.const 20)))
      (drop (call $name (local.get $fd) (i32.const 8192) (local.get $length)))
      ;; The slash at the end of a name is not a part of it, so the root has no name.
      (if (i32.eq (i32.load8_u offset=8191 (local.get $length)) (i32.const 0x2f))
        (then (local.set $length (i32.sub (local.get $length) (i32.const 1)))))
      (if
        (i32.and
          (call $begins (local.get $length))
          (i32.or
            (i32.eq (global.get $dir) (i32.const -1))
            (i32.gt_u (local.get $length) (global.get $most))))
        (then
          (global.set $dir (local.get $fd))
          (global.set $most (local.get $length))))
      (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
      (br $next)))

  (func $open (param $path i32) (param $length i32) (param $flags i32) (param $rights i64) (result i32)
    (call $path_open
      (global.get $dir) (i32.const 1) (local.get $path) (local.get $length)
      (local.get $flags) (local.get $rights) (i64.const 0) (i32.const 0) (i32.const 32)))

  (func $do (param $what i32) (param $path i32) (param $length i32) (result i32)
    (if (i32.eq (local.get $what) (i32.const 0x72)) ;; r
      (then (return (call $open (local.get $path) (local.get $length) (i32.const 0) (i64.const 2)))))
    (if (i32.eq (local.get $what) (i32.const 0x77)) ;; w
      (then (return (call $open (local.get $path) (local.get $length) (i32.const 1) (i64.const 64)))))
    (if (i32.eq (local.get $what) (i32.const 0x6c)) ;; l
      (then (return (call $open (local.get $path) (local.get $length) (i32.const 2) (i64.const 2)))))
    (if (i32.eq (local.get $what) (i32.const 0x6d)) ;; m
      (then (return (call $mkdir (global.get $dir) (local.get $path) (local.get $length)))))
    (call $stat (global.get $dir) (i32.const 1) (local.get $path) (local.get $length) (i32.const 64)))

  (func $_start (export "_start")
    (local $path i32) (local $end i32) (local $errno i32)
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 4096))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (local.set $end (i32.add (i32.const 1024) (i32.load (i32.const 8))))
    (call $find)
    (if (i32.eq (global.get $dir) (i32.const -1)) (then (call $proc_exit (i32.const 44))))
    ;; What is behind the name of the directory and a slash, or the directory itself.
    (local.set $path (i32.add (i32.const 1026) (global.get $most)))
    (if (i32.ge_u (local.get $path) (local.get $end))
      (then
        (i32.store8 (i32.const 12) (i32.const 0x2e))
        (local.set $path (i32.const 12))
        (local.set $end (i32.const 13))))
    (local.set $errno
      (call $do
        (i32.load8_u (i32.const 1024)) (local.get $path) (i32.sub (local.get $end) (local.get $path))))
    (if (local.get $errno) (then (call $proc_exit (local.get $errno))))))
