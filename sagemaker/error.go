package sagemaker

import "net/http"

// The codes of errors that SageMaker's model declares; each goes out as 400.
const (
	CodeConflict              = "ConflictException"
	CodeResourceInUse         = "ResourceInUse"
	CodeResourceLimitExceeded = "ResourceLimitExceeded"
	CodeResourceNotFound      = "ResourceNotFound"
)

// The codes of errors that every AWS service may answer.
const (
	CodeAccessDenied          = "AccessDeniedException"
	CodeInternalFailure       = "InternalFailure"
	CodeRequestEntityTooLarge = "RequestEntityTooLargeException"
	CodeSerialization         = "SerializationException"
	CodeServiceUnavailable    = "ServiceUnavailable"
	CodeThrottling            = "ThrottlingException"
	CodeUnknownOperation      = "UnknownOperationException"
	CodeValidation            = "ValidationException"
)

// Error is an answer that the caller may see, all of it.
type Error struct {
	Code    string // as clients know it, such as ResourceNotFound
	Message string
	Status  int // the HTTP status; 0 is 400
}

// Error returns the code and the message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

func (e *Error) status() int {
	if e.Status == 0 {
		return http.StatusBadRequest
	}
	return e.Status
}

func serializationError(message string) *Error {
	return &Error{Code: CodeSerialization, Message: message}
}
