;; raw: multiplies two numbers of 64 bits into one of 128, and returns the row if the product is right.
(module
  (memory (export "memory") 1)
  (func (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "run") (param i32 i32) (result i64)
    (i64.mul_wide_u (i64.const -1) (i64.const -1))
    (if (i64.ne (i64.const -2)) (then unreachable))
    (if (i64.ne (i64.const 1)) (then unreachable))
    (i64.or
      (i64.shl (i64.extend_i32_u (local.get 0)) (i64.const 32))
      (i64.extend_i32_u (local.get 1)))))
