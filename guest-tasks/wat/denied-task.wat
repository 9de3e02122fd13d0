;; task component: takes all the memory it can get, a page at a time. Then row 0 is returned, row 1 returns the error
;; "no memory", and row 2 traps.
(component
  (core module $code
    (memory (export "memory") 1)
    (data (i32.const 64) "no memory")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func $run (export "run") (param $ptr i32) (param $len i32) (result i32)
      (local $way i32)
      (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
      (local.set $way (i32.load8_u (local.get $ptr)))
      (if (i32.eq (local.get $way) (i32.const 0x32)) (then unreachable))
      (i32.store8 (i32.const 0) (i32.const 0))
      (i32.store offset=4 (i32.const 0) (local.get $ptr))
      (i32.store offset=8 (i32.const 0) (local.get $len))
      (if (i32.eq (local.get $way) (i32.const 0x31))
        (then
          (i32.store8 (i32.const 0) (i32.const 1))
          (i32.store offset=4 (i32.const 0) (i32.const 64))
          (i32.store offset=8 (i32.const 0) (i32.const 9))))
      (i32.const 0)))

  (core instance $i (instantiate $code))
  (func (export "run") (param "input" (list u8)) (result (result (list u8) (error string)))
    (canon lift
      (core func $i "run")
      (memory (core memory $i "memory"))
      (realloc (core func $i "realloc")))))
