;; The part of the runtime that Python cannot say: a module for CPython, in the form of a shared library (`dylink.0`) that
;; componentize-py links. It has the functions
;;
;;   settle(object) -> object   makes an object immortal, as Python's own constants are: its count of references is not
;;                              written any more, so tasks that only use it leave its page alone
;;   count(object) -> int       the count of references, with which `wpool_library.py` checks the layout
;;
;; The layout is that of CPython 3.14 with 32 bits and a GIL. `wpool_library.py` refuses any other.
(module
  ;; 160 bytes of data at an alignment of 2 ** 2, and two places in the table of functions.
  (@dylink.0
    (mem-info (memory 160 2) (table 2 0)))
  (import "env" "memory" (memory 0))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (import "env" "__memory_base" (global $data i32))
  (import "env" "__table_base" (global $functions i32))
  (import "env" "PyModule_Create2" (func $create (param i32 i32) (result i32)))
  ;; A `long` has 32 bits.
  (import "env" "PyLong_FromLong" (func $number (param i32) (result i32)))

  (elem (global.get $functions) func $settle $count)
  ;; At 0, 13 and 20.
  (data (global.get $data) "wpool_native\00settle\00count\00")

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

  (func (export "PyInit_wpool_native") (result i32)
    (local $method i32)
    (local $module i32)
    ;; Include/methodobject.h: a `PyMethodDef` is `ml_name`, `ml_meth`, `ml_flags` and `ml_doc`; 8 is METH_O. A third one, of
    ;; zeros, ends the list.
    (local.set $method (i32.add (global.get $data) (i32.const 28)))
    (i32.store (local.get $method) (i32.add (global.get $data) (i32.const 13)))
    (i32.store offset=4 (local.get $method) (global.get $functions))
    (i32.store offset=8 (local.get $method) (i32.const 8))
    (i32.store offset=16 (local.get $method) (i32.add (global.get $data) (i32.const 20)))
    (i32.store offset=20 (local.get $method) (i32.add (global.get $functions) (i32.const 1)))
    (i32.store offset=24 (local.get $method) (i32.const 8))
    ;; Include/moduleobject.h: a `PyModuleDef` begins with a `PyModuleDef_Base` of 20 bytes (the head of an object, `m_init`,
    ;; `m_index`, `m_copy`). `m_name`, `m_doc`, `m_size` and `m_methods` follow, and four more. Here: one reference, no state
    ;; of its own.
    (local.set $module (i32.add (global.get $data) (i32.const 80)))
    (i32.store (local.get $module) (i32.const 1))
    (i32.store offset=20 (local.get $module) (global.get $data))
    (i32.store offset=28 (local.get $module) (i32.const -1))
    (i32.store offset=32 (local.get $module) (local.get $method))
    ;; Include/modsupport.h: 1013 is PYTHON_API_VERSION.
    (call $create (local.get $module) (i32.const 1013))))
