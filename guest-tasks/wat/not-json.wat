;; raw: returns two lines that look like result records, to forge the second one.
(module
  (memory (export "memory") 1)
  (data (i32.const 16) "{\"id\":9,\"status\":\"ok\"}\n{\"id\":10,\"status\":\"ok\"}")
  (func $alloc (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param i32 i32) (result i64) (i64.const 0x00000010_0000002e)))
