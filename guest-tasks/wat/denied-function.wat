;; A component whose only export is a function of a number. It takes all the memory it can get, a page at a time. Then it
;; returns 0 as a result, any other number as an error, and traps at 2.
(component
  (core module $code
    (memory (export "memory") 1)
    (func $try (export "try") (param $way i32) (result i32)
      (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
      (if (i32.eq (local.get $way) (i32.const 2)) (then unreachable))
      (i32.store (i32.const 0) (i32.ne (local.get $way) (i32.const 0)))
      (i32.store offset=4 (i32.const 0) (local.get $way))
      (i32.const 0)))

  (core instance $i (instantiate $code))
  (func (export "try") (param "way" u32) (result (result u32 (error u32)))
    (canon lift (core func $i "try") (memory (core memory $i "memory")))))
