;; refused: both of its functions take a resource, which no row can name.
(component
  (type $t (resource (rep i32)))
  (core module $m
    (func (export "f") (param i32)))
  (core instance $i (instantiate $m))
  (export $thing "thing" (type $t))
  (func (export "open") (param "it" (own $thing)) (canon lift (core func $i "f")))
  (func (export "shut") (param "it" (own $thing)) (canon lift (core func $i "f"))))
