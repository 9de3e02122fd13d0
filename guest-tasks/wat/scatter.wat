;; raw: writes a word on as many pages of 256 MiB as the row says, after it has looked whether any of them was written
;; before: "fresh" when none was, and "used" otherwise. Behind the number may stand how far one page is from the next.
(module
  (memory (export "memory") 4096)
  (data (i32.const 64) "fresh")
  (data (i32.const 72) "used")
  (global $at (mut i32) (i32.const 0))
  (func (export "alloc") (param i32) (result i32) (i32.const 1024))
  ;; The next number of the row; 0 at its end.
  (func $number (param $end i32) (result i32)
    (local $number i32)
    (local $digit i32)
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (global.get $at) (local.get $end)))
        (local.set $digit (i32.sub (i32.load8_u (global.get $at)) (i32.const 0x30)))
        (global.set $at (i32.add (global.get $at) (i32.const 1)))
        (br_if $done (i32.gt_u (local.get $digit) (i32.const 9)))
        (local.set $number (i32.add (i32.mul (local.get $number) (i32.const 10)) (local.get $digit)))
        (br $next)))
    (local.get $number))
  (func (export "run") (param $row i32) (param $length i32) (result i64)
    (local $pages i32)
    (local $apart i32)
    (local $place i32)
    (local $used i32)
    (global.set $at (local.get $row))
    (local.set $pages (call $number (i32.add (local.get $row) (local.get $length))))
    (local.set $apart (call $number (i32.add (local.get $row) (local.get $length))))
    (local.set $apart (i32.mul (i32.const 4096) (select (local.get $apart) (i32.const 1) (local.get $apart))))
    (local.set $place (i32.const 8192))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $pages)))
        (local.set $used (i32.or (local.get $used) (i32.load (local.get $place))))
        (i32.store (local.get $place) (i32.const 1))
        (local.set $place (i32.add (local.get $place) (local.get $apart)))
        (local.set $pages (i32.sub (local.get $pages) (i32.const 1)))
        (br $next)))
    (if (result i64) (local.get $used)
      (then (i64.const 0x4800000004))
      (else (i64.const 0x4000000005)))))
