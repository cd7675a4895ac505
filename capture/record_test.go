package capture

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestAppend_AWS has a record as SageMaker's documentation shows them.
func TestAppend_AWS(t *testing.T) {
	r := Record{
		EventID: "9f1b0c4e-6a43-4d1c-9d0f-1e6a5d9a7c11", InferenceID: "mine", CustomAttributes: "c1", Time: time.Date(2022, 2, 14, 18, 25, 49, 999e6, time.FixedZone("", 3600)),
		Input:  &Payload{"text/csv", CSV, []byte("1,\"a\"\n")},
		Output: &Payload{"application/json", JSON, []byte(`{"p":0.5}`)},
	}
	const want = `{"captureData":{"endpointInput":{"observedContentType":"text/csv","mode":"INPUT","data":"1,\"a\"\n","encoding":"CSV"},` +
		`"endpointOutput":{"observedContentType":"application/json","mode":"OUTPUT","data":"{\"p\":0.5}","encoding":"JSON"}},` +
		`"eventMetadata":{"eventId":"9f1b0c4e-6a43-4d1c-9d0f-1e6a5d9a7c11","inferenceId":"mine","customAttributes":["c1"],"inferenceTime":"2022-02-14T17:25:49Z"},` +
		`"eventVersion":"0"}` + "\n"
	if got := string(r.append(nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAppend_LeavesOutWhatThereIsNot(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for want, r := range map[string]Record{
		`{"captureData":{},"eventMetadata":{"eventId":"e","inferenceTime":"2026-01-02T03:04:05Z"},"eventVersion":"0"}`: {EventID: "e", Time: at},
		`{"captureData":{"endpointOutput":{"observedContentType":"","mode":"OUTPUT","data":"AP8=","encoding":"BASE64"}},"eventMetadata":{"eventId":"e","inferenceTime":"2026-01-02T03:04:05Z"},"eventVersion":"0"}`: {
			EventID: "e", Time: at, Output: &Payload{Encoding: Base64, Data: []byte{0, 255}},
		},
	} {
		if got := string(r.append(nil)); got != want+"\n" {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestEncoding(t *testing.T) {
	for _, tc := range []struct {
		csv, json   []string
		contentType string
		body        string
		want        Encoding
	}{
		{nil, nil, "text/csv", "1", Base64}, // nothing is configured
		{[]string{"text/csv"}, nil, "text/csv", "1", CSV},
		{[]string{"text/csv"}, nil, "Text/CSV; charset=utf-8", "1", CSV},
		{[]string{"text/csv;header=present"}, nil, "text/csv", "1", CSV},
		{[]string{"text/csv"}, nil, "application/json", "{}", Base64},
		{[]string{"text/csv"}, []string{"application/json", "application/jsonlines"}, "application/jsonlines", "{}", JSON},
		{nil, []string{"application/json"}, "application/json; odd", "{}", JSON},
		{nil, []string{"application/json"}, "", "{}", Base64},
		{nil, []string{"application/json"}, "application/json", "\xff", Base64}, // no JSON could hold it
	} {
		if got := newContentTypes(tc.csv, tc.json).encoding([]byte(tc.contentType), []byte(tc.body)); got != tc.want {
			t.Errorf("%q with CSV %q and JSON %q is %s, want %s", tc.contentType, tc.csv, tc.json, got, tc.want)
		}
	}
}

func TestParse_Refuses(t *testing.T) {
	for _, line := range []string{
		``, `{}`, `{"eventMetadata":{"eventId":"e","inferenceTime":"yesterday"}}`,
		`{"captureData":{"endpointInput":{"data":"x","encoding":"NONE"}},"eventMetadata":{"eventId":"e","inferenceTime":"2026-01-02T03:04:05Z"}}`,
		`{"captureData":{"endpointInput":{"data":"*","encoding":"BASE64"}},"eventMetadata":{"eventId":"e","inferenceTime":"2026-01-02T03:04:05Z"}}`,
	} {
		if r, err := Parse([]byte(line)); err == nil {
			t.Errorf("%s is %+v", line, r)
		}
	}
}

// TestAppendString_FindsWhatNeedsEscaping puts each byte at each place among others, since eight are looked at together.
func TestAppendString_FindsWhatNeedsEscaping(t *testing.T) {
	for c := range 256 {
		for at := range 20 {
			for _, rest := range []byte{' ', '!', '#', '[', ']', 0x7e, 0x7f} {
				in := bytes.Repeat([]byte{rest}, 20)
				in[at] = byte(c)
				var got string
				if err := json.Unmarshal(appendString(nil, in), &got); err != nil || got != string(bytes.ToValidUTF8(in, []byte("\ufffd"))) {
					t.Fatalf("%q became %q, %v", in, got, err)
				}
			}
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	body := bytes.Repeat([]byte(`[0.123456,1.25,-3.5e-7],`), 2800/24)
	r := Record{
		EventID: "5f1e8a6e-8a0f-4e3e-9d39-0d2a3f2a7c11", Time: time.Unix(1e9, 0),
		Input:  &Payload{"application/json", JSON, body},
		Output: &Payload{"application/json", JSON, body},
	}
	var line []byte
	b.SetBytes(int64(2 * len(body)))
	for b.Loop() {
		line = r.append(line[:0])
	}
}

// append writes a record as the writer writes one that it has in another form.
func (r *Record) append(dst []byte) []byte {
	l := line{eventID: []byte(r.EventID), inferenceID: []byte(r.InferenceID), customAttributes: []byte(r.CustomAttributes), time: r.Time}
	if p := r.Input; p != nil {
		l.input = body{[]byte(p.ContentType), p.Encoding, p.Data}
	}
	if p := r.Output; p != nil {
		l.output = body{[]byte(p.ContentType), p.Encoding, p.Data}
	}
	return l.append(dst)
}

// FuzzRecord writes records of any content and reads them back.
func FuzzRecord(f *testing.F) {
	f.Add("id", "mine", "c=\"1\"", "text/csv", []byte("1,2\r\n\t\x00\\"), []byte("\xff\xfe"), int64(1700000000))
	f.Add("e", "", "", "", []byte("ü\u2028\U0001f600"), []byte{}, int64(0))
	f.Fuzz(func(t *testing.T, id, inference, attributes, contentType string, input, output []byte, seconds int64) {
		types := newContentTypes([]string{contentType}, nil)
		r := Record{
			EventID: id, InferenceID: inference, CustomAttributes: attributes, Time: time.Unix(seconds%(1<<32), 0).UTC(),
			Input:  &Payload{contentType, types.encoding([]byte(contentType), input), input},
			Output: &Payload{"x/y", Base64, output},
		}
		line := r.append(nil)
		if !json.Valid(line) || bytes.IndexByte(line, '\n') != len(line)-1 {
			t.Fatalf("not one line of JSON: %q", line)
		}
		got, err := Parse(line)
		if id == "" || r.Time.Year() < 0 {
			return // it has been refused
		}
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		valid := func(s string) string { return string(bytes.ToValidUTF8([]byte(s), nil)) }
		if id != valid(id) || inference != valid(inference) || attributes != valid(attributes) || contentType != valid(contentType) {
			return // JSON cannot hold these; bodies are Base64 then
		}
		if len(got.Output.Data) == 0 {
			got.Output.Data = output
		}
		if len(got.Input.Data) == 0 {
			got.Input.Data = input
		}
		if diff := cmp.Diff(r, got); diff != "" {
			t.Errorf("written and read back (-written +read):\n%s", diff)
		}
	})
}

// FuzzParse reads anything.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"captureData":{"endpointInput":{"observedContentType":"a/b","mode":"INPUT","data":"x","encoding":"CSV"}},"eventMetadata":{"eventId":"e","inferenceTime":"2026-01-02T03:04:05Z"},"eventVersion":"0"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := Parse(line)
		if err != nil {
			return
		}
		again, err := Parse(r.append(nil))
		if err != nil {
			t.Fatalf("%q was read, and what was written of it is refused: %v", line, err)
		}
		if again.EventID != r.EventID {
			t.Errorf("%q has become %q", r.EventID, again.EventID)
		}
	})
}
