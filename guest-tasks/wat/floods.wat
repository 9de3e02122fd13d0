;; raw: writes a word on 256 pages for each unit of the row's digit, after it has looked whether any of them was written to
;; before: "fresh" when none was, and "used" otherwise.
(module
  (memory (export "memory") 160)
  (data (i32.const 64) "fresh")
  (data (i32.const 72) "used")
  (func (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "run") (param $row i32) (param $length i32) (result i64)
    (local $at i32)
    (local $end i32)
    (local $used i32)
    (local.set $end
      (i32.add
        (i32.const 8192)
        (i32.mul (i32.const 0x100000) (i32.sub (i32.load8_u (local.get $row)) (i32.const 0x30)))))
    (local.set $at (i32.const 8192))
    (loop $next
      (local.set $used (i32.or (local.get $used) (i32.load (local.get $at))))
      (i32.store (local.get $at) (i32.const 1))
      (local.set $at (i32.add (local.get $at) (i32.const 4096)))
      (br_if $next (i32.lt_u (local.get $at) (local.get $end))))
    (if (result i64) (local.get $used)
      (then (i64.const 0x4800000004))
      (else (i64.const 0x4000000005)))))
