;; raw: traps three calls deep, in functions with the names that compilers of Rust (both forms) and C++ give.
(module
  (memory (export "memory") 1)
  (func $alloc (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func $_ZNSt6vectorIiSaIiEE9push_backEOi (export "run") (param i32 i32) (result i64)
    (call $_RNvCskwGfYPst2Cb_3foo16example_function))
  (func $_RNvCskwGfYPst2Cb_3foo16example_function (result i64)
    (call $_ZN4core9panicking5panic17h0123456789abcdefE))
  (func $_ZN4core9panicking5panic17h0123456789abcdefE (result i64) unreachable))
