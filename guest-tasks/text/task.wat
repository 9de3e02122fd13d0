;; A number's largest prime factor, as a component in WebAssembly text: no compiler and no imports.
;;
;;     wpool run . inputs.jsonl
(component
  (core module $code
    ;; From 0 on: the result, 12 bytes; then, up to 64, the digits of the answer; then the message of the error.
    (memory (export "memory") 1)
    (data (i32.const 64) "expected an integer from 2 to 18446744073709551615")

    ;; Room for the row: new pages. It is called once, because every task has an instance of its own.
    (func (export "realloc") (param i32 i32 i32) (param $size i32) (result i32)
      (i32.shl
        (memory.grow (i32.add (i32.shr_u (local.get $size) (i32.const 16)) (i32.const 1)))
        (i32.const 16)))

    (func (export "run") (param $row i32) (param $length i32) (result i32)
      (local $n i64)
      (local.set $n (call $parse (local.get $row) (i32.add (local.get $row) (local.get $length))))
      (if (result i32) (i64.lt_u (local.get $n) (i64.const 2))
        (then (call $result (i32.const 1) (i32.const 64) (i32.const 50)))
        (else (call $print (call $largest_prime_factor (local.get $n))))))

    (func $largest_prime_factor (param $n i64) (result i64)
      (local $divisor i64)
      (local.set $divisor (i64.const 2))
      (loop $next
        (if (i64.le_u (local.get $divisor) (i64.div_u (local.get $n) (local.get $divisor)))
          (then
            (if (i64.eqz (i64.rem_u (local.get $n) (local.get $divisor)))
              (then (local.set $n (i64.div_u (local.get $n) (local.get $divisor))))
              (else (local.set $divisor (i64.add (local.get $divisor) (i64.const 1)))))
            (br $next))))
      (local.get $n))

    ;; The number between two addresses, white space around it aside; 0 if there is none that fits 64 bits.
    (func $parse (param $at i32) (param $end i32) (result i64)
      (local $n i64) (local $digit i64)
      (loop $trim
        (if (i32.and (i32.lt_u (local.get $at) (local.get $end)) (call $is_space (local.get $at)))
          (then
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br $trim))))
      (loop $next
        (if (i32.or (i32.ge_u (local.get $at) (local.get $end)) (call $is_space (local.get $at)))
          (then
            (loop $trim
              (if (i32.ge_u (local.get $at) (local.get $end)) (then (return (local.get $n))))
              (if (i32.eqz (call $is_space (local.get $at))) (then (return (i64.const 0))))
              (local.set $at (i32.add (local.get $at) (i32.const 1)))
              (br $trim))))
        (local.set $digit (i64.sub (i64.load8_u (local.get $at)) (i64.const 48)))
        (if (i64.gt_u (local.get $digit) (i64.const 9)) (then (return (i64.const 0))))
        (if (i64.gt_u (local.get $n) (i64.const 1844674407370955161)) (then (return (i64.const 0))))
        (local.set $n (i64.add (i64.mul (local.get $n) (i64.const 10)) (local.get $digit)))
        (if (i64.lt_u (local.get $n) (local.get $digit)) (then (return (i64.const 0))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next))
      (unreachable))

    (func $is_space (param $at i32) (result i32)
      (i32.le_u (i32.load8_u (local.get $at)) (i32.const 32)))

    ;; Writes a number from its last digit on.
    (func $print (param $n i64) (result i32)
      (local $at i32)
      (local.set $at (i32.const 64))
      (loop $next
        (local.set $at (i32.sub (local.get $at) (i32.const 1)))
        (i64.store8 (local.get $at) (i64.add (i64.rem_u (local.get $n) (i64.const 10)) (i64.const 48)))
        (local.set $n (i64.div_u (local.get $n) (i64.const 10)))
        (br_if $next (i64.ne (local.get $n) (i64.const 0))))
      (call $result (i32.const 0) (local.get $at) (i32.sub (i32.const 64) (local.get $at))))

    ;; A result: 0 or, for an error, 1; then where its bytes are, and how many.
    (func $result (param $is_error i32) (param $bytes i32) (param $length i32) (result i32)
      (i32.store (i32.const 0) (local.get $is_error))
      (i32.store (i32.const 4) (local.get $bytes))
      (i32.store (i32.const 8) (local.get $length))
      (i32.const 0)))

  (core instance $i (instantiate $code))
  (func (export "run") (param "input" (list u8)) (result (result (list u8) (error string)))
    (canon lift
      (core func $i "run")
      (memory (core memory $i "memory"))
      (realloc (core func $i "realloc")))))
