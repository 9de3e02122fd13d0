;; raw: makes a list of structures, one for each byte of the row, adds the bytes up from it, and returns the sum as text
;; of eight hexadecimal digits.
(module
  (memory (export "memory") 1)
  (type $node (struct (field $value i32) (field $next (ref null $node))))
  (func (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "run") (param $at i32) (param $length i32) (result i64)
    (local $list (ref null $node)) (local $sum i32) (local $digit i32)
    (block $made
      (loop $next
        (br_if $made (i32.eqz (local.get $length)))
        (local.set $list (struct.new $node (i32.load8_u (local.get $at)) (local.get $list)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $length (i32.sub (local.get $length) (i32.const 1)))
        (br $next)))
    (block $added
      (loop $next
        (br_if $added (ref.is_null (local.get $list)))
        (local.set $sum (i32.add (local.get $sum) (struct.get $node $value (local.get $list))))
        (local.set $list (struct.get $node $next (local.get $list)))
        (br $next)))
    (local.set $length (i32.const 8))
    (loop $next
      (local.set $length (i32.sub (local.get $length) (i32.const 1)))
      (local.set $digit (i32.and (local.get $sum) (i32.const 15)))
      (i32.store8 (local.get $length)
        (select
          (i32.add (local.get $digit) (i32.const 48))
          (i32.add (local.get $digit) (i32.const 87))
          (i32.lt_u (local.get $digit) (i32.const 10))))
      (local.set $sum (i32.shr_u (local.get $sum) (i32.const 4)))
      (br_if $next (local.get $length)))
    (i64.const 8)))
