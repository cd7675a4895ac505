package api

import (
	"errors"
	"fmt"
	"testing"

	"gnomon"
	"gnomon/sagemaker"
)

func TestErrors_AreNamedOnce(t *testing.T) {
	type answer struct{}
	for _, c := range []struct {
		code                 gnomon.Code
		experiment, resource string
	}{
		{gnomon.Invalid, "ValidationException", "ValidationException"},
		{gnomon.NotFound, "ResourceNotFound", "ValidationException"},
		{gnomon.InUse, "ResourceInUse", "ValidationException"},
		{gnomon.Conflict, "ConflictException", "ValidationException"},
		{gnomon.Limit, "ResourceLimitExceeded", "ResourceLimitExceeded"},
		{gnomon.Denied, "AccessDeniedException", "AccessDeniedException"},
	} {
		t.Run(string(c.code), func(t *testing.T) {
			err := fmt.Errorf("somewhere: %w", &gnomon.Error{Code: c.code, Message: "text", Err: errors.New("secret cause")})
			for _, family := range []struct {
				f    func(*answer, error) (*answer, error)
				want string
			}{{experiment[answer], c.experiment}, {resource[answer], c.resource}} {
				out, err := family.f(&answer{}, err)
				got, ok := errors.AsType[*sagemaker.Error](err)
				if !ok || got.Code != family.want || got.Message != "text" || out != nil {
					t.Errorf("got %v and %v, want %s: text and no answer", out, err, family.want)
				}
			}
		})
	}
}

func TestErrors_UnknownOnesStayInside(t *testing.T) {
	cause := errors.New("disk on fire")
	if _, err := resource[int](nil, cause); err != cause {
		t.Errorf("got %v, want the error as it is, for the server to hide", err)
	}
	if _, err := experiment[int](nil, cause); err != cause {
		t.Errorf("got %v, want the error as it is, for the server to hide", err)
	}
}
