;; raw: fills 400 MiB for ever: instructions that each run long, hardly any loop between them. Traps if it does not
;; get the memory.
(module
  (memory (export "memory") 1)
  (func $alloc (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param i32 i32) (result i64)
    (if (i32.eq (memory.grow (i32.const 6399)) (i32.const -1)) (then unreachable))
    (loop $forever (result i64)
      (memory.fill (i32.const 0) (i32.const 0x55) (i32.const 0x19000000))
      (memory.fill (i32.const 0) (i32.const 0xaa) (i32.const 0x19000000))
      (memory.fill (i32.const 0) (i32.const 0x55) (i32.const 0x19000000))
      (memory.fill (i32.const 0) (i32.const 0xaa) (i32.const 0x19000000))
      (br $forever))))
