package router

// A Caller is who waits for an answer. The router calls it on the loop on which the request began, and always ends with
// either Answer or End. A caller that has left takes calls as before and does nothing. What is handed over belongs to
// the router again when the call returns.
type Caller interface {
	// Answer sends a whole answer. Fields are header lines ("Name: value\r\n" each) without those of framing.
	Answer(status int, fields, body []byte)

	// Stream begins an answer of unknown length. From now on the source is told what becomes of the caller.
	// It reports false if the caller has left already; then nothing more is expected.
	Stream(status int, fields []byte, source Source) bool
	// Send adds to a stream. It reports whether the caller takes more at once; if not, Source.Resume says when.
	Send(a, b, c []byte) bool
	// End ends a stream.
	End()
}

// A Source is where a stream comes from. Gone says that the caller has left; it is not called after End, nor from within
// a call of the source's.
type Source = interface {
	Resume()
	Gone()
}
