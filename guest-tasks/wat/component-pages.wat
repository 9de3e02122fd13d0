;; task component of two modules: finds out whether anybody was here before, and leaves something in both of them: on as
;; many pages as the row has bytes, in all seven globals, and in memory that it grows. Answers "fresh" when all is as in a
;; new instance, and "used" otherwise. A row that begins with "!" traps at the end instead.
(component
  (core module $first
    (memory (export "memory") 16)
    (global $a (mut i32) (i32.const 7))
    (global $b (mut i64) (i64.const 7))
    (global $constant i32 (i32.const 7))
    (global $c (export "c") (mut f32) (f32.const nan:0x200001))
    (data (i32.const 64) "fresh")
    (data (i32.const 72) "used")
    (func $start
      (i32.store (i32.const 4096) (i32.const 7))
      (global.set $a (i32.const 8)))
    (start $start)
    ;; The row goes to the second page, behind the start function's word.
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4100))

    (func (export "used") (result i32)
      (local $at i32)
      (local.set $at (i32.const 8192))
      (loop $next
        (if (i32.load (local.get $at)) (then (return (i32.const 1))))
        (local.set $at (i32.add (local.get $at) (i32.const 4096)))
        (br_if $next (i32.lt_u (local.get $at) (i32.const 0x100000))))
      (i32.or
        (i32.or (i32.ne (i32.load (i32.const 4096)) (i32.const 7)) (i32.ne (memory.size) (i32.const 16)))
        (i32.or (i32.ne (global.get $a) (i32.const 8)) (i64.ne (global.get $b) (i64.const 7)))))

    (func (export "use") (param $length i32)
      (local $pages i32)
      (i32.store (i32.const 4096) (i32.const 1))
      (global.set $a (i32.const 1))
      (global.set $b (i64.const 1))
      (loop $next
        (if (i32.lt_u (local.get $pages) (local.get $length))
          (then
            (local.set $pages (i32.add (local.get $pages) (i32.const 1)))
            (i32.store (i32.add (i32.const 4096) (i32.mul (local.get $pages) (i32.const 4096))) (i32.const 1))
            (br $next))))
      ;; What is added holds zeros, whoever had it before.
      (if (i32.eq (memory.size) (i32.const 16))
        (then
          (drop (memory.grow (i32.const 2)))
          (if (i64.ne (i64.load (i32.const 0x110000)) (i64.const 0)) (then unreachable))))
      (i64.store (i32.const 0x110000) (i64.const -1))))
  (core instance $one (instantiate $first))

  ;; Exports neither its memory nor its globals.
  (core module $second
    (import "first" "memory" (memory 16))
    (import "first" "c" (global $c (mut f32)))
    (import "first" "used" (func $used (result i32)))
    (import "first" "use" (func $use (param i32)))
    (memory $own 1 2)
    (global $d (mut f64) (f64.const -0))
    (global $e (mut v128) (v128.const i64x2 7 9))
    (global $f (mut i32) (i32.const 5))
    (global $g (mut i64) (i64.const 5))
    (func $mine (result i32)
      (i32.or
        (i32.or
          (i64.ne (i64.load $own (i32.const 60000)) (i64.const 0))
          (i32.ne (memory.size $own) (i32.const 1)))
        (i32.or
          (i32.or (i32.ne (global.get $f) (i32.const 5)) (i64.ne (global.get $g) (i64.const 5)))
          (i32.or
            (i32.ne (i32.reinterpret_f32 (global.get $c)) (i32.const 0x7fa00001))
            (i32.or
              (i64.ne (i64.reinterpret_f64 (global.get $d)) (i64.const 0x8000000000000000))
              (v128.any_true (v128.xor (global.get $e) (v128.const i64x2 7 9))))))))

    ;; The result stands at 0: a zero for "ok", then where the bytes are.
    (func (export "run") (param $row i32) (param $length i32) (result i32)
      (local $used i32)
      (local $traps i32)
      (local.set $used (i32.or (call $used) (call $mine)))
      (local.set $traps (i32.eq (i32.load8_u (local.get $row)) (i32.const 33)))
      (call $use (local.get $length))
      (i64.store $own (i32.const 60000) (i64.const 1))
      (drop (memory.grow $own (i32.const 1)))
      (global.set $c (f32.const 1))
      (global.set $d (f64.const 1))
      (global.set $e (v128.const i64x2 7 1))
      (global.set $f (i32.const 1))
      (global.set $g (i64.const 1))
      (if (local.get $traps) (then unreachable))
      (i32.store offset=4 (i32.const 0) (select (i32.const 72) (i32.const 64) (local.get $used)))
      (i32.store offset=8 (i32.const 0) (select (i32.const 4) (i32.const 5) (local.get $used)))
      (i32.const 0)))
  (core instance $two (instantiate $second (with "first" (instance $one))))

  (func (export "run") (param "input" (list u8)) (result (result (list u8) (error string)))
    (canon lift
      (core func $two "run")
      (memory (core memory $one "memory"))
      (realloc (core func $one "realloc")))))
