;; raw: finds out whether anybody was here before, and leaves something on as many pages as the row has bytes. Answers
;; "fresh" when each of 256 pages, a start function's word among them, and five globals are as in a new instance, and
;; "used" otherwise.
(module
  (memory (export "memory") 16)
  (memory $other 1)
  (global $a (mut i32) (i32.const 7))
  (global $b (mut i64) (i64.const 7))
  (global $c (mut f32) (f32.const nan:0x200001))
  (global $d (mut f64) (f64.const -0))
  (global $e (mut v128) (v128.const i64x2 7 7))
  (data (i32.const 64) "fresh")
  (data (i32.const 72) "used")
  (func $start
    (i32.store (i32.const 4096) (i32.const 7))
    (i32.store $other (i32.const 60000) (i32.const 7))
    (global.set $a (i32.const 8)))
  (start $start)
  ;; The row goes to the second page, behind the start function's word.
  (func (export "alloc") (param i32) (result i32) (i32.const 4100))

  (func $used (result i32)
    (local $at i32)
    (local.set $at (i32.const 8192))
    (loop $next
      (if (i32.load (local.get $at)) (then (return (i32.const 1))))
      (local.set $at (i32.add (local.get $at) (i32.const 4096)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 0x100000))))
    (i32.or
      (i32.or
        (i32.ne (i32.load (i32.const 4096)) (i32.const 7))
        (i32.or
          (i32.ne (i32.load $other (i32.const 60000)) (i32.const 7))
          (i32.load $other (i32.const 0))))
      (i32.or
        (i32.or (i32.ne (global.get $a) (i32.const 8)) (i64.ne (global.get $b) (i64.const 7)))
        (i32.or
          (i32.ne (i32.reinterpret_f32 (global.get $c)) (i32.const 0x7fa00001))
          (i32.or
            (i64.ne (i64.reinterpret_f64 (global.get $d)) (i64.const 0x8000000000000000))
            (v128.any_true (v128.xor (global.get $e) (v128.const i64x2 7 7))))))))

  (func (export "run") (param $row i32) (param $length i32) (result i64)
    (local $used i32)
    (local $pages i32)
    (local.set $used (call $used))
    (i32.store (i32.const 4096) (i32.const 1))
    (memory.fill $other (i32.const 0) (i32.const 1) (i32.const 65536))
    (global.set $a (i32.const 1))
    (global.set $b (i64.const 1))
    (global.set $c (f32.const 1))
    (global.set $d (f64.const 1))
    (global.set $e (v128.const i64x2 1 1))
    (loop $next
      (if (i32.lt_u (local.get $pages) (local.get $length))
        (then
          (local.set $pages (i32.add (local.get $pages) (i32.const 1)))
          (i32.store (i32.add (i32.const 4096) (i32.mul (local.get $pages) (i32.const 4096))) (i32.const 1))
          (br $next))))
    (if (result i64) (local.get $used)
      (then (i64.const 0x4800000004))
      (else (i64.const 0x4000000005)))))
