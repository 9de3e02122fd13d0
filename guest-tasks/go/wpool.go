// The exports that wpool calls. Go's runtime starts once, before all rows.
package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"unsafe"
)

// The garbage collector does not see that the host reads and writes them.
var row, answer []byte

//go:wasmexport wpool_init
func initialize() {
	prepare()
}

//go:wasmexport alloc
func alloc(length uint32) unsafe.Pointer {
	row = make([]byte, length)
	return unsafe.Pointer(unsafe.SliceData(row))
}

// Returns the place of the answer, and its length in the lower half.
//
//go:wasmexport run
func run(_, _ uint32) uint64 {
	defer func() {
		if cause := recover(); cause != nil {
			fmt.Fprintf(os.Stderr, "%s\npanic: %v\n", debug.Stack(), cause)
			os.Exit(2)
		}
	}()
	var err error
	if answer, err = task(row); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(answer))))<<32 | uint64(len(answer))
}

func main() {}
