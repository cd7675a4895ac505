// Package archtest holds the house to its plan: which room may import which, that every package says what it is for,
// and that nothing in go.mod is replaced. Its tests are all there is to it.
package archtest
