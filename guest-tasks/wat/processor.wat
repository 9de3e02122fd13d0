;; raw: gives what WebAssembly leaves to processors, in 12 bytes: the bits of 0/0, and 1e30 as a 32-bit integer by a
;; relaxed instruction.
(module
  (memory (export "memory") 1)
  (data (i32.const 16) "\00\00\00\00\00\00\00\00")
  (func $alloc (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param i32 i32) (result i64)
    (f64.store (i32.const 64) (f64.div (f64.load (i32.const 16)) (f64.load (i32.const 16))))
    (f32.store (i32.const 24) (f32.const 1e30))
    (i32.store (i32.const 72)
      (i32x4.extract_lane 0 (i32x4.relaxed_trunc_f32x4_s (v128.load32_splat (i32.const 24)))))
    (i64.const 0x400000000c)))
