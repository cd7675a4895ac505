package cloudwatch

import (
	"fmt"
	"net/http"
	"strings"
)

// The codes of CloudWatch's errors, by the names that they have in its model.
const (
	codeInvalidParameter = "InvalidParameterValueException"
	codeMissingParameter = "MissingRequiredParameterException"
	codeCombination      = "InvalidParameterCombinationException"
	codeNextToken        = "InvalidNextToken"
	codeInternal         = "InternalServiceFault"
	codeValidation       = "ValidationException" // of GetMetricData; not in the model, as services have it in the newer protocols
	codeUnknownOperation = "UnknownOperationException"
	codeSerialization    = "SerializationException"
	codeTooLarge         = "RequestEntityTooLargeException"
)

// queryCodes are the names that errors have in the query protocol, where they differ: those of CloudWatch's model, and
// AWS's common errors.
var queryCodes = map[string]string{
	codeInvalidParameter: "InvalidParameterValue",
	codeMissingParameter: "MissingParameter",
	codeCombination:      "InvalidParameterCombination",
	codeInternal:         "InternalServiceError",
	codeValidation:       "ValidationError",
	codeUnknownOperation: "InvalidAction",
	codeSerialization:    "MalformedInput",

	"InvalidSignatureException":           "SignatureDoesNotMatch",
	"UnrecognizedClientException":         "InvalidClientTokenId",
	"MissingAuthenticationTokenException": "MissingAuthenticationToken",
	"IncompleteSignatureException":        "IncompleteSignature",
	"ExpiredTokenException":               "ExpiredToken",
}

// An Error is an answer that the caller may see, all of it.
type Error struct {
	Code    string // as the newer protocols have it, such as InvalidParameterValueException
	Message string
	Status  int // the HTTP status; 0 is 400
}

// Error returns the code and the message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// InvalidParameter says that a parameter of GetMetricStatistics or ListMetrics has a value that cannot be.
func InvalidParameter(format string, args ...any) error {
	return &Error{Code: codeInvalidParameter, Message: fmt.Sprintf(format, args...)}
}

// InvalidCombination says that parameters of GetMetricStatistics do not go together.
func InvalidCombination(format string, args ...any) error {
	return &Error{Code: codeCombination, Message: fmt.Sprintf(format, args...)}
}

// Invalid says that something in a request of GetMetricData cannot be.
func Invalid(format string, args ...any) error {
	return &Error{Code: codeValidation, Message: fmt.Sprintf(format, args...)}
}

// InvalidNextToken says that a token is not one that GetMetricData has given for this request.
func InvalidNextToken(format string, args ...any) error {
	return &Error{Code: codeNextToken, Message: fmt.Sprintf(format, args...)}
}

func malformed(format string, args ...any) error {
	return &Error{Code: codeSerialization, Message: fmt.Sprintf(format, args...)}
}

func (e *Error) status() int {
	if e.Status == 0 {
		return http.StatusBadRequest
	}
	return e.Status
}

func (e *Error) queryCode() string {
	if c, ok := queryCodes[e.Code]; ok {
		return c
	}
	return e.Code
}

// fault says whose fault it is, in the query protocol's words.
func (e *Error) fault() string {
	if e.status() >= http.StatusInternalServerError {
		return "Receiver"
	}
	return "Sender"
}

// clip makes a caller's text fit to be repeated in an error.
func clip(s string) string {
	const most = 200
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
