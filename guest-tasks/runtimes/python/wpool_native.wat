;; The part of the runtime that Python cannot say: a module for CPython, in the form of a shared library (`dylink.0`) that
;; componentize-py links. It has the functions
;;
;;   settle(object) -> object   makes an object immortal, as Python's own constants are: its count of references is not
;;                              written any more, so tasks that only use it leave its page alone
;;   count(object) -> int       the count of references, with which `wpool_library.py` checks the layout
;;   memory_end() -> int        the address behind the memory
;;   begin_zone(size) -> int    from now on new objects lie side by side, in a zone of so many bytes that begins at this address;
;;                              with 0, where they did before
;;
;; The layout of objects is that of CPython 3.14 with 32 bits and a GIL. `wpool_library.py` refuses any other.
(module
  ;; 320 bytes of data at an alignment of 2 ** 2, and eight places in the table of functions.
  (@dylink.0
    (mem-info (memory 320 2) (table 8 0)))
  (import "env" "memory" (memory 0))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (import "env" "__memory_base" (global $data i32))
  (import "env" "__table_base" (global $functions i32))
  (import "env" "PyModule_Create2" (func $create (param i32 i32) (result i32)))
  ;; A `long` has 32 bits.
  (import "env" "PyLong_FromLong" (func $number (param i32) (result i32)))
  (import "env" "PyLong_AsLong" (func $value (param i32) (result i32)))
  (import "env" "PyErr_NoMemory" (func $no_memory (result i32)))
  (import "env" "PyMem_SetAllocator" (func $set_allocator (param i32 i32)))
  (import "env" "malloc" (func $malloc (param i32) (result i32)))
  (import "env" "realloc" (func $realloc (param i32 i32) (result i32)))
  (import "env" "free" (func $free (param i32)))

  (elem (global.get $functions) func $settle $count $memory_end $begin_zone $zone_malloc $zone_calloc $zone_realloc $zone_free)
  ;; At 0, 13, 20, 26 and 37.
  (data (global.get $data) "wpool_native\00settle\00count\00memory_end\00begin_zone\00")

  ;; Include/object.h: `struct _object` begins with `Py_ssize_t ob_refcnt`, and `ob_type` follows.
  ;; Include/refcount.h, where a pointer has 32 bits: `_Py_IMMORTAL_MINIMUM_REFCNT` is 2 ** 30, from which on an object is
  ;; immortal, and `_Py_IMMORTAL_INITIAL_REFCNT`, which CPython sets, 5 * 2 ** 28. The result needs no reference more: it is
  ;; immortal.
  (func $settle (param $module i32) (param $object i32) (result i32)
    (if (i32.lt_s (i32.load (local.get $object)) (i32.const 0x40000000))
      (then (i32.store (local.get $object) (i32.const 0x50000000))))
    (local.get $object))

  (func $count (param $module i32) (param $object i32) (result i32)
    (call $number (i32.load (local.get $object))))

  (func $memory_end (param $module i32) (param $none i32) (result i32)
    (call $number (i32.shl (memory.size) (i32.const 16))))

  ;; Zones. What a task makes is small and ends soon, and each page that it writes is copied back after it. So blocks lie side
  ;; by side, and the next block of a size is the one that was freed last. Nothing is joined or given back. When a zone is used
  ;; up, `malloc` gives the rest, and the blocks of a former zone are left alone.
  ;;
  ;; A block has a multiple of 16 bytes: 4 bytes that its user does not see, and then the user's. So each address that is given
  ;; out is a multiple of 16, as those of `malloc` are. All zones are parts of one room of 384 KiB, whose own address is at 256
  ;; of the data. It begins with the address that the next new block has, the first free block of each size, at four times its
  ;; number of sixteens, and, at 512, the end of the zone. The 4 bytes of a block say where its size is in this list. A free
  ;; block begins with the address of the next.
  (func $room (result i32)
    (i32.load offset=256 (global.get $data)))

  (func $begin_zone (param $module i32) (param $size i32) (result i32)
    (local $room i32)
    (local $begin i32)
    (local $end i32)
    (local $room_end i32)
    (if (i32.eqz (call $room)) (then (if (i32.eqz (call $make_room)) (then (return (call $no_memory))))))
    (local.set $room (call $room))
    ;; A zone begins with a page, and its first block behind the 4 bytes.
    (local.set $begin (i32.and (i32.add (i32.load (local.get $room)) (i32.const 0xfff)) (i32.const -0x1000)))
    (memory.fill (local.get $room) (i32.const 0) (i32.const 512))
    (i32.store (local.get $room) (i32.add (local.get $begin) (i32.const 16)))
    (local.set $end (i32.add (local.get $begin) (call $value (local.get $size))))
    (local.set $room_end (i32.add (local.get $room) (i32.const 0x60000)))
    (i32.store offset=512 (local.get $room)
      (select (local.get $end) (local.get $room_end) (i32.lt_u (local.get $end) (local.get $room_end))))
    (call $number (local.get $begin)))

  ;; Whether there was memory for it.
  (func $make_room (result i32)
    (local $room i32)
    (local $allocator i32)
    (local.set $room (call $malloc (i32.const 0x61000)))
    (if (i32.eqz (local.get $room)) (then (return (i32.const 0))))
    (local.set $room (i32.and (i32.add (local.get $room) (i32.const 0xfff)) (i32.const -0x1000)))
    (memory.fill (local.get $room) (i32.const 0) (i32.const 0x60000))
    (i32.store (local.get $room) (i32.add (local.get $room) (i32.const 528)))
    (i32.store offset=256 (global.get $data) (local.get $room))
    ;; Include/cpython/pymem.h: a `PyMemAllocatorEx` is a context, which is not used here, `malloc`, `calloc`, `realloc` and
    ;; `free`. Of the domains, 0 is that of raw memory, 1 that of buffers and 2 that of objects.
    (local.set $allocator (i32.add (global.get $data) (i32.const 260)))
    (i32.store offset=4 (local.get $allocator) (i32.add (global.get $functions) (i32.const 4)))
    (i32.store offset=8 (local.get $allocator) (i32.add (global.get $functions) (i32.const 5)))
    (i32.store offset=12 (local.get $allocator) (i32.add (global.get $functions) (i32.const 6)))
    (i32.store offset=16 (local.get $allocator) (i32.add (global.get $functions) (i32.const 7)))
    (call $set_allocator (i32.const 0) (local.get $allocator))
    (call $set_allocator (i32.const 1) (local.get $allocator))
    (call $set_allocator (i32.const 2) (local.get $allocator))
    (i32.const 1))

  ;; The four functions of the allocator. They call nothing that they need not, because a call costs as much as they do.
  ;; CPython asks for no bytes, too, and expects a block. `malloc` of the C library gives one.
  (func $zone_malloc (param $context i32) (param $size i32) (result i32)
    (local $room i32)
    (local $list i32)
    (local $block i32)
    (local $end i32)
    (local.set $room (i32.load offset=256 (global.get $data)))
    (if (i32.gt_u (local.get $size) (i32.const 2028)) (then (return (call $malloc (local.get $size)))))
    ;; Four times the number of sixteens, which is the place in the list.
    (local.set $list
      (i32.and (i32.shr_u (i32.add (local.get $size) (i32.const 19)) (i32.const 2)) (i32.const 0x1fc)))
    (local.set $block (i32.load (i32.add (local.get $room) (local.get $list))))
    (if (local.get $block)
      (then
        (i32.store (i32.add (local.get $room) (local.get $list)) (i32.load (local.get $block)))
        (return (local.get $block))))
    (local.set $block (i32.load (local.get $room)))
    (local.set $end (i32.add (local.get $block) (i32.shl (local.get $list) (i32.const 2))))
    (if (i32.gt_u (local.get $end) (i32.load offset=512 (local.get $room)))
      (then (return (call $malloc (local.get $size)))))
    (i32.store (i32.sub (local.get $block) (i32.const 4)) (local.get $list))
    (i32.store (local.get $room) (local.get $end))
    (local.get $block))

  (func $zone_calloc (param $context i32) (param $count i32) (param $size i32) (result i32)
    (local $block i32)
    ;; CPython has checked that the product has 31 bits.
    (local.set $size (i32.mul (local.get $count) (local.get $size)))
    (if (local.tee $block (call $zone_malloc (local.get $context) (local.get $size)))
      (then (memory.fill (local.get $block) (i32.const 0) (local.get $size))))
    (local.get $block))

  (func $zone_realloc (param $context i32) (param $block i32) (param $size i32) (result i32)
    (local $has i32)
    (local $new i32)
    (if (i32.eqz (local.get $block)) (then (return (call $zone_malloc (local.get $context) (local.get $size)))))
    ;; `realloc` of the C library may take no bytes for the end of the block.
    (if (i32.ge_u (i32.sub (local.get $block) (i32.load offset=256 (global.get $data))) (i32.const 0x60000))
      (then (return (call $realloc (local.get $block) (select (local.get $size) (i32.const 1) (local.get $size))))))
    (local.set $has
      (i32.sub (i32.shl (i32.load (i32.sub (local.get $block) (i32.const 4))) (i32.const 2)) (i32.const 4)))
    (if (i32.le_u (local.get $size) (local.get $has)) (then (return (local.get $block))))
    (if (local.tee $new (call $zone_malloc (local.get $context) (local.get $size)))
      (then
        (memory.copy (local.get $new) (local.get $block) (local.get $has))
        (call $zone_free (local.get $context) (local.get $block))))
    (local.get $new))

  (func $zone_free (param $context i32) (param $block i32)
    (local $room i32)
    (local $list i32)
    (local.set $room (i32.load offset=256 (global.get $data)))
    (if (i32.ge_u (i32.sub (local.get $block) (local.get $room)) (i32.const 0x60000))
      (then (call $free (local.get $block)) (return)))
    (local.set $list (i32.add (local.get $room) (i32.load (i32.sub (local.get $block) (i32.const 4)))))
    (i32.store (local.get $block) (i32.load (local.get $list)))
    (i32.store (local.get $list) (local.get $block)))

  (func (export "PyInit_wpool_native") (result i32)
    (local $method i32)
    (local $module i32)
    ;; Include/methodobject.h: a `PyMethodDef` is `ml_name`, `ml_meth`, `ml_flags` and `ml_doc`; 4 is METH_NOARGS, 8
    ;; METH_O. A last one, of zeros, ends the list.
    (local.set $method (i32.add (global.get $data) (i32.const 48)))
    (i32.store (local.get $method) (i32.add (global.get $data) (i32.const 13)))
    (i32.store offset=4 (local.get $method) (global.get $functions))
    (i32.store offset=8 (local.get $method) (i32.const 8))
    (i32.store offset=16 (local.get $method) (i32.add (global.get $data) (i32.const 20)))
    (i32.store offset=20 (local.get $method) (i32.add (global.get $functions) (i32.const 1)))
    (i32.store offset=24 (local.get $method) (i32.const 8))
    (i32.store offset=32 (local.get $method) (i32.add (global.get $data) (i32.const 26)))
    (i32.store offset=36 (local.get $method) (i32.add (global.get $functions) (i32.const 2)))
    (i32.store offset=40 (local.get $method) (i32.const 4))
    (i32.store offset=48 (local.get $method) (i32.add (global.get $data) (i32.const 37)))
    (i32.store offset=52 (local.get $method) (i32.add (global.get $functions) (i32.const 3)))
    (i32.store offset=56 (local.get $method) (i32.const 8))
    ;; Include/moduleobject.h: a `PyModuleDef` begins with a `PyModuleDef_Base` of 20 bytes (the head of an object, `m_init`,
    ;; `m_index`, `m_copy`). `m_name`, `m_doc`, `m_size` and `m_methods` follow, and four more. Here: one reference, no state
    ;; of its own.
    (local.set $module (i32.add (global.get $data) (i32.const 160)))
    (i32.store (local.get $module) (i32.const 1))
    (i32.store offset=20 (local.get $module) (global.get $data))
    (i32.store offset=28 (local.get $module) (i32.const -1))
    (i32.store offset=32 (local.get $module) (local.get $method))
    ;; Include/modsupport.h: 1013 is PYTHON_API_VERSION.
    (call $create (local.get $module) (i32.const 1013))))
