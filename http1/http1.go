// Package http1 takes the heads and the chunks of HTTP/1.0 and HTTP/1.1 apart where they lie in memory. It reads from
// nothing, waits for nothing and keeps no copies; who has the bytes calls it again when there are more of them.
//
// Both sides of a proxy are strangers. What two parsers could read differently is refused, not repaired: a request that
// the proxy took for one and the server behind it for two would get past everything that is checked in between. So lines
// end in CRLF and nowhere else, and how long a body is is said once.
//
// Start with [Request.Parse].
package http1

import "errors"

// Lengths of bodies that are not numbers.
const (
	Chunked    = -1 // the chunks tell; see [Chunks]
	UntilClose = -2 // the end of the connection tells; responses only
)

// An Error says what is wrong with a message. Its text is the end of a sentence, without the stop, and holds nothing of
// what was sent.
type Error struct{ Text string }

func (e *Error) Error() string { return e.Text }

// ErrTooLarge means that a head is longer than it may be.
var ErrTooLarge = errors.New("the head is too large")

// The faults of heads and chunks. Each is a shape that some servers read differently from others.
var (
	errRequestLine   = &Error{"the request line is not a method, a target and a version"}
	errStatusLine    = &Error{"the status line is not a version, a status and a reason"}
	errVersion       = &Error{"the version is neither HTTP/1.0 nor HTTP/1.1"}
	errTarget        = &Error{"the target is not valid"}
	errTargetHost    = &Error{"the target names another host than the header"}
	errLineEnding    = &Error{"a header line does not end in CRLF"}
	errFolding       = &Error{"a header line is folded"}
	errHeaderName    = &Error{"a header name is not a token"}
	errHeaderValue   = &Error{"a header value has a control character"}
	errHeaderLines   = &Error{"there are too many header lines"}
	errLength        = &Error{"the content length is not one number"}
	errCoding        = &Error{"the transfer coding is not chunked alone"}
	errLengthAndCode = &Error{"there are both a content length and a transfer coding"}
	errCodingVersion = &Error{"there is a transfer coding in HTTP/1.0"}
	errHost          = &Error{"there is not exactly one host"}
	errExpectation   = &Error{"the expectation is not 100-continue"}
	errChunkSize     = &Error{"a chunk size is not a hexadecimal number"}
	errChunkLarge    = &Error{"a chunk is too large"}
	errChunkLine     = &Error{"a chunk extension is too long"}
	errChunkExt      = &Error{"a chunk extension has a control character"}
	errChunkEnding   = &Error{"a chunk or its size does not end in CRLF"}
	errTrailers      = &Error{"the trailers are too long"}
)
