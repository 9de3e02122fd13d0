;; task component: opens the path in its row for reading, in the last directory that it has.
(component
  (import "wasi:filesystem/types@0.2.3" (instance $types
    (export "descriptor" (type $descriptor (sub resource)))
    (type $errors
      (enum "access" "would-block" "already" "bad-descriptor" "busy" "deadlock" "quota" "exist" "file-too-large"
        "illegal-byte-sequence" "in-progress" "interrupted" "invalid" "io" "is-directory" "loop" "too-many-links"
        "message-size" "name-too-long" "no-device" "no-entry" "no-lock" "insufficient-memory" "insufficient-space"
        "not-directory" "not-empty" "not-recoverable" "unsupported" "no-tty" "no-such-device" "overflow"
        "not-permitted" "pipe" "read-only" "invalid-seek" "text-file-busy" "cross-device"))
    (export "error-code" (type $error-code (eq $errors)))
    (type $how (flags "symlink-follow"))
    (export "path-flags" (type $path-flags (eq $how)))
    (type $what (flags "create" "directory" "exclusive" "truncate"))
    (export "open-flags" (type $open-flags (eq $what)))
    (type $mode
      (flags "read" "write" "file-integrity-sync" "data-integrity-sync" "requested-write-sync" "mutate-directory"))
    (export "descriptor-flags" (type $descriptor-flags (eq $mode)))
    (export "[method]descriptor.open-at"
      (func
        (param "self" (borrow $descriptor)) (param "path-flags" $path-flags) (param "path" string)
        (param "open-flags" $open-flags) (param "flags" $descriptor-flags)
        (result (result (own $descriptor) (error $error-code)))))))
  (alias export $types "descriptor" (type $descriptor))
  (import "wasi:filesystem/preopens@0.2.3" (instance $preopens
    (alias outer 1 $descriptor (type $outer-descriptor))
    (export "descriptor" (type $descriptor (eq $outer-descriptor)))
    (export "get-directories" (func (result (list (tuple (own $descriptor) string)))))))

  (core module $memory
    (memory (export "memory") 1)
    (global $free (mut i32) (i32.const 4096))
    (func (export "realloc") (param i32 i32 i32) (param $size i32) (result i32)
      (local $at i32)
      (local.set $at (global.get $free))
      (global.set $free
        (i32.and (i32.add (i32.add (local.get $at) (local.get $size)) (i32.const 7)) (i32.const -8)))
      (local.get $at)))
  (core instance $m (instantiate $memory))
  (core func $dirs
    (canon lower (func $preopens "get-directories") (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
  (core func $open
    (canon lower (func $types "[method]descriptor.open-at") (memory (core memory $m "memory"))))

  (core module $code
    (import "memory" "memory" (memory 1))
    (import "wasi" "dirs" (func $dirs (param i32)))
    (import "wasi" "open" (func $open (param i32 i32 i32 i32 i32 i32 i32)))
    (data (i32.const 256) "opened")
    (data (i32.const 288) "there is no directory")
    (data (i32.const 320) "it cannot be opened")

    (func $result (param $is-error i32) (param $at i32) (param $length i32) (result i32)
      (i32.store (i32.const 64) (local.get $is-error))
      (i32.store (i32.const 68) (local.get $at))
      (i32.store (i32.const 72) (local.get $length))
      (i32.const 64))

    (func (export "run") (param $path i32) (param $length i32) (result i32)
      (local $count i32)
      (call $dirs (i32.const 16))
      (local.set $count (i32.load (i32.const 20)))
      (if (i32.eqz (local.get $count))
        (then (return (call $result (i32.const 1) (i32.const 288) (i32.const 21)))))
      (call $open
        (i32.load
          (i32.add (i32.load (i32.const 16)) (i32.mul (i32.sub (local.get $count) (i32.const 1)) (i32.const 12))))
        (i32.const 1) (local.get $path) (local.get $length) (i32.const 0) (i32.const 1)
        (i32.const 32))
      (if (i32.load8_u (i32.const 32))
        (then (return (call $result (i32.const 1) (i32.const 320) (i32.const 19)))))
      (call $result (i32.const 0) (i32.const 256) (i32.const 6))))
  (core instance $i
    (instantiate $code
      (with "memory" (instance $m))
      (with "wasi" (instance (export "dirs" (func $dirs)) (export "open" (func $open))))))
  (func (export "run") (param "input" (list u8)) (result (result (list u8) (error string)))
    (canon lift
      (core func $i "run")
      (memory (core memory $m "memory"))
      (realloc (core func $m "realloc")))))
