;; command component: takes all the memory it can get, a page at a time, and returns an error.
(component
  (core module $code
    (memory (export "memory") 1)
    (func $run (export "run") (result i32)
      (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
      (i32.const 1)))

  (core instance $i (instantiate $code))
  (func $run (result (result)) (canon lift (core func $i "run")))
  (instance $interface (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $interface)))
