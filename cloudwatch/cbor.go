package cloudwatch

import (
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// rpc is Smithy RPC v2 in CBOR. https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
type rpc struct{}

var (
	// Times are tag 1: seconds since 1970.
	toCBOR = func() cbor.EncMode {
		m, err := cbor.EncOptions{Sort: cbor.SortBytewiseLexical, Time: cbor.TimeUnixDynamic, TimeTag: cbor.EncTagRequired}.EncMode()
		if err != nil {
			panic(err) // the options are constants
		}
		return m
	}()
	// The largest list has 500 elements, and a map no more members than its structure.
	fromCBOR = func() cbor.DecMode {
		m, err := cbor.DecOptions{
			DupMapKey: cbor.DupMapKeyEnforcedAPF, MaxNestedLevels: maxDepth, MaxArrayElements: 1024, MaxMapPairs: 64,
			IntDec: cbor.IntDecConvertSignedOrFail, DefaultMapType: reflect.TypeFor[map[string]any](),
		}.DecMode()
		if err != nil {
			panic(err)
		}
		return m
	}()
)

func (rpc) contentType() string { return "application/cbor" }

func (p rpc) request(r *http.Request, body []byte) (string, func() (any, error), error) {
	rest, ok := strings.CutPrefix(r.URL.Path, "/service/"+shapePrefix+"/operation/")
	if !ok || r.Method != http.MethodPost || r.Header.Get("Smithy-Protocol") != "rpc-v2-cbor" {
		return "", nil, &Error{
			Code: codeUnknownOperation, Status: http.StatusNotFound,
			Message: "The requested operation is not recognized by the service: it must be POST /service/" + shapePrefix +
				"/operation/… with Smithy-Protocol: rpc-v2-cbor",
		}
	}
	if len(body) > 0 && !hasMedia(r, p.contentType()) {
		return "", nil, malformed("The content type must be %s", p.contentType())
	}
	return rest, func() (any, error) { return parseCBOR(body) }, nil
}

func parseCBOR(body []byte) (any, error) {
	if len(body) == 0 { // an input without members may be left out
		return map[string]any{}, nil
	}
	var tree any
	if err := fromCBOR.Unmarshal(body, &tree); err != nil {
		return nil, malformed("The body is no CBOR that is taken: %s", clip(err.Error()))
	}
	return inUTC(tree), nil
}

// noTime stands for a time that not every protocol can write. No member takes it.
type noTime struct{}

// inUTC holds the times of a tree to what every protocol can write.
func inUTC(tree any) any {
	switch v := tree.(type) {
	case map[string]any:
		for name, x := range v {
			v[name] = inUTC(x)
		}
	case []any:
		for i, x := range v {
			v[i] = inUTC(x)
		}
	case time.Time:
		t, ok := bounded(v)
		if !ok {
			return noTime{}
		}
		return t
	}
	return tree
}

func (rpc) answer(_, _ string, output any) ([]byte, error) {
	return toCBOR.Marshal(plain(reflect.ValueOf(output), func(t time.Time) any { return t }))
}

func (rpc) failure(e *Error, _ string) ([]byte, error) { return toCBOR.Marshal(failureOf(e)) }
