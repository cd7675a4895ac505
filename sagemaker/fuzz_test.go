package sagemaker_test

import (
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"gnomon/sagemaker"
)

// FuzzDecode looks for bodies that are answered with anything but an *Error, and
// for accepted ones that change when they are kept and read again, or that would
// not be accepted a second time.
func FuzzDecode(f *testing.F) {
	ops := sagemaker.Operations()
	for i, op := range ops {
		f.Add(uint8(i), request(f, op))
	}
	f.Add(uint8(0), []byte(`{"Name":"a","name":"b","Name":null,"Tags":[null,{"Key":"\ud800"}],"Schedule":{"StartTime":1e400}}`))
	f.Add(uint8(5), []byte(`{"Name":"x","ModelVariantActions":{"":"Keep","a":"Promote"},"Reason":"\u0000"}`))
	f.Fuzz(func(t *testing.T, i uint8, body []byte) {
		op := ops[int(i)%len(ops)]
		in := input(t, op)
		if err := sagemaker.Decode(op, body, in); err != nil {
			e, ok := errors.AsType[*sagemaker.Error](err)
			if !ok || e.Code != sagemaker.CodeValidation && e.Code != sagemaker.CodeSerialization {
				t.Fatalf("%v is not for the caller", err)
			}
			if !utf8.ValidString(e.Message) {
				t.Fatalf("message %q is not valid UTF-8", e.Message)
			}
			return
		}
		kept, err := sagemaker.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		for name, read := range map[string]func(any) error{
			"Unmarshal": func(v any) error { return sagemaker.Unmarshal(kept, v) },
			"Decode":    func(v any) error { return sagemaker.Decode(op, kept, v) },
		} {
			again := input(t, op)
			if err := read(again); err != nil {
				t.Fatalf("%s refuses %s: %v", name, kept, err)
			}
			if diff := cmp.Diff(in, again); diff != "" {
				t.Fatalf("%s changes the input (-was +is):\n%s", name, diff)
			}
		}
	})
}
