// A number's largest prime factor: a row of JSON to its answer.
//
//	wpool run . inputs.jsonl
package main

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
)

// Answers a row. An error is the row's failure.
func task(row []byte) ([]byte, error) {
	n, err := strconv.ParseUint(string(bytes.TrimSpace(row)), 10, 64)
	if err != nil || n < 2 {
		return nil, fmt.Errorf("expected an integer from 2 to %d, got %s", uint64(math.MaxUint64), row)
	}
	return strconv.AppendUint(nil, largestPrimeFactor(n), 10), nil
}

// Prepares for all rows: each of them starts from the state that this leaves. Its argument is on the standard input.
func prepare() {}

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
