package api

import (
	"errors"

	"gnomon"
	"gnomon/sagemaker"
)

// names is the one map from what went wrong to what AWS calls it. The operations on inference experiments have names
// of their own for things that the older operations all call ValidationException; clients rely on both. The waiter
// EndpointDeleted, for one, waits for DescribeEndpoint to answer ValidationException.
var names = map[gnomon.Code]struct{ experiment, resource string }{
	gnomon.Invalid:  {sagemaker.CodeValidation, sagemaker.CodeValidation},
	gnomon.NotFound: {sagemaker.CodeResourceNotFound, sagemaker.CodeValidation},
	gnomon.InUse:    {sagemaker.CodeResourceInUse, sagemaker.CodeValidation},
	gnomon.Conflict: {sagemaker.CodeConflict, sagemaker.CodeValidation},
	gnomon.Limit:    {sagemaker.CodeResourceLimitExceeded, sagemaker.CodeResourceLimitExceeded},
	gnomon.Denied:   {sagemaker.CodeAccessDenied, sagemaker.CodeAccessDenied},
}

// experiment returns the answer of an operation on inference experiments.
func experiment[T any](out *T, err error) (*T, error) {
	if e, ok := errors.AsType[*gnomon.Error](err); ok {
		return nil, &sagemaker.Error{Code: names[e.Code].experiment, Message: e.Message}
	}
	return out, err
}

// resource returns the answer of any other operation.
func resource[T any](out *T, err error) (*T, error) {
	if e, ok := errors.AsType[*gnomon.Error](err); ok {
		return nil, &sagemaker.Error{Code: names[e.Code].resource, Message: e.Message}
	}
	return out, err
}

// invalid returns an error about the request.
func invalid(format string, args ...any) error { return gnomon.Errorf(gnomon.Invalid, format, args...) }
