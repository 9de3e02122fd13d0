;; raw: its start function loops for ever, so that instantiating it does.
(module
  (memory (export "memory") 1)
  (func $start (loop $forever (br $forever)))
  (start $start)
  (func $alloc (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param i32 i32) (result i64) (i64.const 0)))
