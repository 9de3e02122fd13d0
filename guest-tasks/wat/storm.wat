;; raw: does what the letter in its row says, `"c123"`, with the number behind it: computes, sleeps, gives a long output or a
;; longer one, traps, takes all the memory it can get, or never ends. tests/chaos.rs knows the answers.
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 20)
  (data (i32.const 16) "0123456789abcdef\"slept\"")
  (func (export "alloc") (param i32) (result i32) (i32.const 1024))

  (func $number (param $at i32) (result i64)
    (local $digit i64) (local $n i64)
    (loop $next
      (local.set $digit (i64.sub (i64.load8_u (local.get $at)) (i64.const 0x30)))
      (if (i64.lt_u (local.get $digit) (i64.const 10))
        (then
          (local.set $n (i64.add (i64.mul (local.get $n) (i64.const 10)) (local.get $digit)))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $next))))
    (local.get $n))

  (func $give (param $ptr i32) (param $len i32) (result i64)
    (i64.or (i64.shl (i64.extend_i32_u (local.get $ptr)) (i64.const 32)) (i64.extend_i32_u (local.get $len))))

  ;; Up to 64 Ki steps of a generator of random numbers; the state as 16 digits.
  (func $compute (param $x i64) (result i64)
    (local $left i64) (local $at i32)
    (local.set $left (i64.shl (i64.rem_u (local.get $x) (i64.const 64)) (i64.const 10)))
    (loop $step
      (local.set $x
        (i64.add (i64.mul (local.get $x) (i64.const 6364136223846793005)) (i64.const 1442695040888963407)))
      (local.set $left (i64.sub (local.get $left) (i64.const 1)))
      (br_if $step (i64.gt_s (local.get $left) (i64.const 0))))
    (i32.store8 (i32.const 128) (i32.const 0x22))
    (i32.store8 (i32.const 145) (i32.const 0x22))
    (local.set $at (i32.const 144))
    (loop $digit
      (i32.store8 (local.get $at)
        (i32.load8_u offset=16 (i32.wrap_i64 (i64.and (local.get $x) (i64.const 15)))))
      (local.set $x (i64.shr_u (local.get $x) (i64.const 4)))
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (br_if $digit (i32.gt_u (local.get $at) (i32.const 128))))
    (call $give (i32.const 128) (i32.const 18)))

  ;; A JSON string of so many "x".
  (func $long (param $count i32) (result i64)
    (memory.fill (i32.const 4096) (i32.const 0x78) (i32.add (local.get $count) (i32.const 2)))
    (i32.store8 (i32.const 4096) (i32.const 0x22))
    (i32.store8 offset=4097 (local.get $count) (i32.const 0x22))
    (call $give (i32.const 4096) (i32.add (local.get $count) (i32.const 2))))

  ;; A subscription stands at 256. Its zeros say: a clock, relative time; the clock is 1, the monotonic one.
  (func $sleep (param $ms i64) (result i64)
    (i32.store offset=16 (i32.const 256) (i32.const 1))
    (i64.store offset=24 (i32.const 256) (i64.mul (local.get $ms) (i64.const 1000000)))
    (drop (call $poll_oneoff (i32.const 256) (i32.const 512) (i32.const 1) (i32.const 8)))
    (call $give (i32.const 32) (i32.const 7)))

  ;; Uses each page as it gets it.
  (func $take_all
    (local $page i32)
    (loop $more
      (local.set $page (memory.grow (i32.const 1)))
      (if (i32.ne (local.get $page) (i32.const -1))
        (then
          (i32.store (i32.shl (local.get $page) (i32.const 16)) (local.get $page))
          (br $more)))))

  (func (export "run") (param $row i32) (param $len i32) (result i64)
    (local $kind i32) (local $n i64)
    (local.set $kind (i32.load8_u offset=1 (local.get $row)))
    (local.set $n (call $number (i32.add (local.get $row) (i32.const 2))))
    (if (i32.eq (local.get $kind) (i32.const 0x63)) (then (return (call $compute (local.get $n)))))
    (if (i32.eq (local.get $kind) (i32.const 0x73)) (then (return (call $sleep (local.get $n)))))
    (if (i32.eq (local.get $kind) (i32.const 0x6c)) (then (return (call $long (i32.wrap_i64 (local.get $n))))))
    (if (i32.eq (local.get $kind) (i32.const 0x6d)) (then (call $take_all)))
    (if (i32.eq (local.get $kind) (i32.const 0x64)) (then (loop $forever (br $forever))))
    unreachable))
