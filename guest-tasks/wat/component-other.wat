;; refused: a task component that imports another component's interface.
(component
  (import "acme:store/values@1.0.0" (instance $store (export "get" (func (result u32)))))
  (core func $get (canon lower (func $store "get")))
  (core module $code
    (import "store" "get" (func $get (result i32)))
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "run") (param i32 i32) (result i32) (call $get)))

  (core instance $i (instantiate $code (with "store" (instance (export "get" (func $get))))))
  (func (export "run") (param "input" (list u8)) (result (result (list u8) (error string)))
    (canon lift
      (core func $i "run")
      (memory (core memory $i "memory"))
      (realloc (core func $i "realloc")))))
