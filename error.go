package gnomon

import "fmt"

// A Code says what kind of thing went wrong. It is an error itself, so errors.Is(err, gnomon.NotFound) works on
// anything that wraps an [Error].
type Code string

// The codes. Each face maps them to its own names and statuses in one place.
const (
	Invalid  Code = "invalid"   // the request means something that cannot be
	NotFound Code = "not found" // what is named does not exist
	InUse    Code = "in use"    // the name, or the endpoint, is taken
	Conflict Code = "conflict"  // the operation is not legal in this status
	Limit    Code = "limit"     // a quota would be exceeded
	Denied   Code = "denied"    // the caller, or the role it passed, may not
)

// Error returns the code's name.
func (c Code) Error() string { return string(c) }

// An Error is one that a caller may be told of: Message is written for them. Err, when there is one, is for the log.
type Error struct {
	Code    Code
	Message string
	Err     error
}

// Error returns the message and, behind it, the cause.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return e.Message + ": " + e.Err.Error()
}

// Unwrap yields the code and the cause, so both can be asked for with errors.Is.
func (e *Error) Unwrap() []error { return []error{e.Code, e.Err} }

// Errorf returns an [Error] of that code with a message for the caller.
func Errorf(c Code, format string, args ...any) error {
	return &Error{Code: c, Message: fmt.Sprintf(format, args...)}
}
