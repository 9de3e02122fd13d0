// A number's largest prime factor: a row of JSON on standard input, its answer on standard output.
//
//	wpool run . inputs.jsonl
package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"strconv"
)

func main() {
	log.SetFlags(0)
	row, err := io.ReadAll(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	n, err := strconv.ParseUint(string(bytes.TrimSpace(row)), 10, 64)
	if err != nil || n < 2 {
		log.Fatalf("expected an integer from 2 to %d, got %s", uint64(math.MaxUint64), row)
	}
	fmt.Println(largestPrimeFactor(n))
}

func largestPrimeFactor(n uint64) uint64 {
	for divisor := uint64(2); divisor <= n/divisor; {
		if n%divisor == 0 {
			n /= divisor
		} else {
			divisor++
		}
	}
	return n
}
