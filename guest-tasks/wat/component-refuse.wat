;; task component: returns the error "no thanks".
(component
  (core module $code
    (memory (export "memory") 1)
    ;; The result, at 0: a one for "error", then where the text is and its length.
    (data (i32.const 0) "\01\00\00\00" "\0c\00\00\00" "\09\00\00\00" "no thanks")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "run") (param i32 i32) (result i32) (i32.const 0)))

  (core instance $i (instantiate $code))
  (func (export "run") (param "input" (list u8)) (result (result (list u8) (error string)))
    (canon lift
      (core func $i "run")
      (memory (core memory $i "memory"))
      (realloc (core func $i "realloc")))))
