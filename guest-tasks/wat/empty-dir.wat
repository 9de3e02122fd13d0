;; command: removes each file of its first directory while it lists it, 256 bytes of entries at a time. Exits with the number
;; of files that it removed, or with 100000 and the error number of a listing that failed.
(module
  (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)

  (func $_start (export "_start")
    (local $cookie i64) (local $error i32) (local $at i32) (local $end i32) (local $name i32) (local $count i32)
    (block $done
      (loop $more
        (local.set $error
          (call $fd_readdir (i32.const 3) (i32.const 1024) (i32.const 256) (local.get $cookie) (i32.const 0)))
        (if (local.get $error) (then (call $proc_exit (i32.add (i32.const 100000) (local.get $error)))))
        (local.set $at (i32.const 1024))
        (local.set $end (i32.add (i32.const 1024) (i32.load (i32.const 0))))
        (block $cut
          (loop $entry
            (local.set $name (i32.add (local.get $at) (i32.const 24)))
            (br_if $cut (i32.gt_u (local.get $name) (local.get $end)))
            (br_if $cut
              (i32.gt_u (i32.add (local.get $name) (i32.load offset=16 (local.get $at))) (local.get $end)))
            (if (i32.eqz (call $unlink (i32.const 3) (local.get $name) (i32.load offset=16 (local.get $at))))
              (then (local.set $count (i32.add (local.get $count) (i32.const 1)))))
            (local.set $cookie (i64.load (local.get $at)))
            (local.set $at (i32.add (local.get $name) (i32.load offset=16 (local.get $at))))
            (br $entry)))
        (br_if $more (i32.eq (i32.load (i32.const 0)) (i32.const 256)))))
    (call $proc_exit (local.get $count))))
