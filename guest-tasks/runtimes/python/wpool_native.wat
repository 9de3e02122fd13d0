;; The part of the runtime that Python cannot say: a module for CPython, in the form of a shared library (`dylink.0`) that
;; componentize-py links. It has the function `settle(object) -> object`, which makes an object immortal, as Python's own
;; constants are: its count of references is not written any more, so tasks that only use it leave its page alone.
(module
  ;; 128 bytes of data at an alignment of 2 ** 2, and one place in the table of functions.
  (@dylink.0
    (mem-info (memory 128 2) (table 1 0)))
  (import "env" "memory" (memory 0))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (import "env" "__memory_base" (global $data i32))
  (import "env" "__table_base" (global $functions i32))
  (import "env" "PyModule_Create2" (func $create (param i32 i32) (result i32)))

  (elem (global.get $functions) func $settle)
  (data (global.get $data) "wpool_native\00settle\00")

  ;; The count of references stands first in an object. From 2 ** 30 on it is that of an immortal one; CPython sets it to
  ;; 5 * 2 ** 28. The result needs no reference more: it is immortal.
  (func $settle (param $module i32) (param $object i32) (result i32)
    (if (i32.lt_s (i32.load (local.get $object)) (i32.const 0x40000000))
      (then (i32.store (local.get $object) (i32.const 0x50000000))))
    (local.get $object))

  (func (export "PyInit_wpool_native") (result i32)
    (local $method i32)
    (local $module i32)
    ;; A PyMethodDef: name, function, METH_O. A second one, of zeros, ends the list.
    (local.set $method (i32.add (global.get $data) (i32.const 24)))
    (i32.store (local.get $method) (i32.add (global.get $data) (i32.const 13)))
    (i32.store offset=4 (local.get $method) (global.get $functions))
    (i32.store offset=8 (local.get $method) (i32.const 8))
    ;; A PyModuleDef: one reference, name, no state of its own, methods.
    (local.set $module (i32.add (global.get $data) (i32.const 64)))
    (i32.store (local.get $module) (i32.const 1))
    (i32.store offset=20 (local.get $module) (global.get $data))
    (i32.store offset=28 (local.get $module) (i32.const -1))
    (i32.store offset=32 (local.get $module) (local.get $method))
    ;; 1013 is PYTHON_API_VERSION.
    (call $create (local.get $module) (i32.const 1013))))
