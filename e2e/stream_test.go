package e2e

import (
	"errors"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"
	runtimetypes "github.com/aws/aws-sdk-go-v2/service/sagemakerruntime/types"
)

// chunks is what the fault server streams.
func chunks() string {
	var all strings.Builder
	for i := range 10 {
		all.WriteString("data: {\"chunk\":" + string(rune('0'+i)) + "}\n\n")
	}
	return all.String()
}

// streaming is a server with an endpoint "stream" under an experiment of that name, whose models both stream, and an
// endpoint "broken" whose model breaks off.
func streaming(t *testing.T) client {
	c := newServer(t, "").client()
	c.faultyModel("stream", "stream=10ms")
	c.faultyModel("broken", "truncate")
	c.serving("stream", "stream")
	c.serving("broken", "broken")
	c.begin(c.experiment("stream", "stream", "stream", "stream"))
	return c
}

// wantStreams wants n streamed requests accounted for, each copied.
func (c client) wantStreams(n int64) {
	c.t.Helper()
	found := c.settled("stream")
	if found.Accounting["requests"] != n || found.Accounting["mirrored"] != n {
		c.t.Errorf("%d streams were read: %v", n, found.Accounting)
	}
}

// plainBody is a client that reads requests' bodies by Read alone. The SDK closes a body once an answer begins, and its
// WriteTo then says io.EOF where it should say nil; net/http, which looks for the end of the body once more after sending
// it, takes that for a broken connection and closes it under the stream. No server that answers at once is safe from it.
type plainBody struct{ sagemakerruntime.HTTPClient }

func (c plainBody) Do(q *http.Request) (*http.Response, error) {
	if q.Body != nil {
		q.Body = struct{ io.ReadCloser }{q.Body}
	}
	return c.HTTPClient.Do(q)
}

// stream reads a streamed answer to its end.
func (c client) stream(endpoint, body string) (parts int, all string, err error) {
	c.t.Helper()
	out, err := c.runtime.InvokeEndpointWithResponseStream(c.t.Context(), &sagemakerruntime.InvokeEndpointWithResponseStreamInput{
		EndpointName: &endpoint, ContentType: aws.String("application/json"), Accept: aws.String("text/event-stream"), Body: []byte(body),
	})
	if err != nil {
		return 0, "", err
	}
	if got := aws.ToString(out.InvokedProductionVariant); got != production {
		c.t.Errorf("variant %s answered", got)
	}
	events := out.GetStream()
	defer events.Close()
	for e := range events.Events() {
		if part, ok := e.(*runtimetypes.ResponseStreamMemberPayloadPart); ok {
			parts++
			all += string(part.Value.Bytes)
		}
	}
	return parts, all, events.Err()
}

func TestStream_Go(t *testing.T) {
	t.Parallel()
	c := streaming(t)
	for range 3 {
		parts, all, err := c.stream("stream", "{}")
		if err != nil || all != chunks() || parts != 10 {
			t.Errorf("%d parts %q, %v", parts, all, err)
		}
	}
	_, all, err := c.stream("broken", "body")
	var broken *runtimetypes.ModelStreamError
	if !errors.As(err, &broken) || aws.ToString(broken.ErrorCode_) != "StreamBroken" || all != "body" {
		t.Errorf("%q, %v", all, err)
	}
	_, _, err = c.stream("nowhere", "{}")
	var invalid *runtimetypes.ValidationError
	if !errors.As(err, &invalid) {
		t.Error(err)
	}
	c.wantStreams(3)
}

// TestStream_Python reads streams with botocore's own decoder. Debian's botocore is older than the operation, so the
// request is made and signed by hand.
func TestStream_Python(t *testing.T) {
	t.Parallel()
	if err := exec.Command(python, "-c", "import boto3").Run(); err != nil {
		t.Skip("boto3 is missing: install the package python3-boto3")
	}
	c := streaming(t)
	run := exec.CommandContext(t.Context(), python, filepath.Join("testdata", "stream.py"))
	run.Env = c.s.environ()
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("stream.py: %v\n%s", err, out)
	}
	c.wantStreams(1)
}

// wantJavaScriptStreams runs js/stream.mjs where the SDK is installed.
func wantJavaScriptStreams(t *testing.T, dir string) {
	t.Helper()
	c := streaming(t)
	run := exec.CommandContext(t.Context(), "node", "stream.mjs")
	run.Dir, run.Env = dir, c.s.environ()
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("stream.mjs: %v\n%s", err, out)
	}
	c.wantStreams(1)
}
