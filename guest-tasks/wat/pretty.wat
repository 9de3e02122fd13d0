;; raw: returns one JSON object over several lines, with a newline at the end.
(module
  (memory (export "memory") 1)
  (data (i32.const 16)
    "{\n"
    "  \"name\": \"two  words\",\n"
    "  \"list\": [\n"
    "    1.0,\n"
    "    2\n"
    "  ]\n"
    "}\n")
  (func $alloc (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param i32 i32) (result i64) (i64.const 0x00000010_0000003b)))
