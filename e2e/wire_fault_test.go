package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/aws/smithy-go"
)

// open is a server that asks for no signatures, so that a test can write to it by hand, with an endpoint e.
func open(t *testing.T) client {
	t.Helper()
	s := layOut(t, "")
	s.flags = []string{"--auth", "off"}
	s.start()
	c := s.client()
	c.faults("none")
	c.serving("e", "none")
	return c
}

// An answer is one of the server to bytes that no SDK would send.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// say writes bytes to the server and returns its answer; none if it closed the connection. What cannot be written
// because the server has answered already is not written. Hanging up says that nothing more will come.
func (c client) say(text []byte, hangUp bool) (answer, bool) {
	c.t.Helper()
	conn, err := net.Dial("tcp", c.s.listen)
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		c.t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() {
		_, err := conn.Write(text)
		if hangUp {
			err = errors.Join(err, conn.(*net.TCPConn).CloseWrite())
		}
		written <- err
	}()
	defer func() { conn.Close(); <-written }()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Errorf("no answer to %.60q", text)
	}
	if err != nil {
		return answer{}, false
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Errorf("the answer to %.60q breaks off: %v", text, err)
	}
	return answer{res.StatusCode, res.Header, body}, true
}

// wantShape fails the test unless the answer is an error as AWS answers it.
func (a answer) wantShape(t *testing.T, what string, statuses ...int) {
	t.Helper()
	var told map[string]any
	if err := json.Unmarshal(a.body, &told); err != nil {
		t.Errorf("%s: the answer %d is no JSON: %q", what, a.status, a.body)
		return
	}
	named := told["__type"] != nil || a.header.Get("X-Amzn-Errortype") != ""
	message, _ := told["message"].(string)
	if message == "" {
		message, _ = told["Message"].(string)
	}
	if !slices.Contains(statuses, a.status) || !named || message == "" || a.header.Get("X-Amzn-Requestid") == "" {
		t.Errorf("%s: %d %v %s, want one of %v with a type, a message and a request ID", what, a.status, a.header, a.body, statuses)
	}
}

// wantAlive wants the server to have survived what was sent to it.
func (c client) wantAlive() {
	c.t.Helper()
	select {
	case err := <-c.s.ended:
		c.s.ended <- err
		c.t.Fatalf("the server ended: %v", err)
	default:
	}
	c.wantEchoes("e", 1)
	log, err := os.ReadFile(c.s.log())
	if err != nil {
		c.t.Fatal(err)
	}
	if bytes.Contains(log, []byte("panic")) {
		c.t.Error("the log tells of a panic")
	}
}

func TestWire_PathsForNames(t *testing.T) {
	t.Parallel()
	c := open(t)
	for _, name := range []string{
		"..%2fx", "..%2Fx", "../x", "../../e", "%2e%2e", "..", ".", "e%2f..", "%00", "e%00", "e%0d%0aX:y", "%ff", "-", "e_", "e e", strings.Repeat("n", 64), strings.Repeat("n", 5000), "",
	} {
		for _, path := range []string{"/endpoints/%s/invocations", "/endpoints/%s/invocations-response-stream"} {
			path = fmt.Sprintf(path, name)
			a, ok := c.say(fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", path), false)
			if ok {
				a.wantShape(t, path, 400, 404)
			} else {
				t.Errorf("no answer to %s", path)
			}
		}
		path := fmt.Sprintf("/gnomon/v1/experiments/%s/comparison", name)
		a, ok := c.say(fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path), false)
		if ok {
			a.wantShape(t, path, 400, 404)
		} else {
			t.Errorf("no answer to %s", path)
		}
	}
	c.wantAlive()
}

func TestWire_NamesInOperations(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.faults("none")
	c.serving("e", "none")
	before := tree(t, filepath.Dir(c.s.data()))
	for _, name := range []string{"../x", "/etc/passwd", "a/b", "a\x00b", "a\nb", "é", "-a", strings.Repeat("n", 121)} {
		in := c.testing(name, "e", "none")
		_, err := c.CreateInferenceExperiment(t.Context(), in)
		wantInvalid(t, "CreateInferenceExperiment", name, err)
		_, err = c.CreateInferenceExperiment(t.Context(), c.testing("x", name, "none"))
		wantInvalid(t, "CreateInferenceExperiment on an endpoint", name, err)
		in = c.testing("x", "e", "none")
		in.ModelVariants[0].VariantName, in.ShadowModeConfig.ShadowModelVariants[0].ShadowModelVariantName = &name, &name
		_, err = c.CreateInferenceExperiment(t.Context(), in)
		wantInvalid(t, "CreateInferenceExperiment with a variant", name, err)
		_, err = c.CreateEndpoint(t.Context(), &sagemaker.CreateEndpointInput{EndpointName: &name, EndpointConfigName: aws.String("e")})
		wantInvalid(t, "CreateEndpoint", name, err)
		_, err = c.CreateModel(t.Context(), &sagemaker.CreateModelInput{
			ModelName: &name, ExecutionRoleArn: &c.role, PrimaryContainer: &types.ContainerDefinition{Image: aws.String(faulty)},
		})
		wantInvalid(t, "CreateModel", name, err)
		v := patient("none")
		v.VariantName = &name
		_, err = c.CreateEndpointConfig(t.Context(), &sagemaker.CreateEndpointConfigInput{
			EndpointConfigName: aws.String("c"), ProductionVariants: []types.ProductionVariant{v},
		})
		wantInvalid(t, "CreateEndpointConfig with a variant", name, err)
		_, err = c.send(name, "body")
		wantInvalid(t, "InvokeEndpoint", name, err)
	}
	if after := tree(t, filepath.Dir(c.s.data())); !slices.Equal(before, after) {
		t.Errorf("files before %q, after %q", before, after)
	}
	out, err := exec.Command(filepath.Join(bin, "gnomon"), "report", "--data-dir", c.s.data(), "../../../healthz").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "Could not find inference experiment") {
		t.Errorf("gnomon report of a path: %v, %s", err, out)
	}
	c.wantAlive()
}

// wantInvalid fails the test unless an operation refused a name.
func wantInvalid(t *testing.T, operation, name string, err error) {
	t.Helper()
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok || e.ErrorCode() != "ValidationException" && e.ErrorCode() != "ValidationError" {
		t.Errorf("%s with the name %q: %v", operation, name, err)
	}
}

// tree lists the files of a folder that are not a database's or a log's.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if !strings.Contains(path, ".db") && !strings.Contains(path, "/logs/") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestWire_Oversize(t *testing.T) {
	t.Parallel()
	c := open(t)
	const mega = 1 << 20
	post := func(path, header string, body []byte) []byte {
		return append([]byte("POST "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"+header+"\r\n\r\n"), body...)
	}
	length := func(n int) string { return fmt.Sprintf("Content-Length: %d", n) }
	chunked := fmt.Appendf(nil, "%x\r\n%s\r\n0\r\n\r\n", 26*mega, make([]byte, 26*mega))
	for name, text := range map[string][]byte{
		"invocation":            post("/endpoints/e/invocations", length(26*mega), make([]byte, 26*mega)),
		"invocation, announced": post("/endpoints/e/invocations", length(26*mega), nil),
		"invocation, absurd":    post("/endpoints/e/invocations", "Content-Length: 99999999999999999999", nil),
		"invocation, negative":  post("/endpoints/e/invocations", "Content-Length: -1", nil),
		"invocation, chunked":   post("/endpoints/e/invocations", "Transfer-Encoding: chunked", chunked),
		"invocation, header":    post("/endpoints/e/invocations", "X: "+strings.Repeat("x", 64<<10), nil),
		"operation":             post("/", "X-Amz-Target: SageMaker.ListModels\r\n"+length(2*mega), make([]byte, 2*mega)),
		"operation, announced":  post("/", "X-Amz-Target: SageMaker.ListModels\r\n"+length(2*mega), nil),
		"operation, header":     post("/", "X-Amz-Target: SageMaker.ListModels\r\nX: "+strings.Repeat("x", 64<<10), nil),
	} {
		if a, ok := c.say(text, false); ok {
			a.wantShape(t, name, 400, 413, 431)
		} else {
			t.Errorf("%s: the connection was closed without an answer", name)
		}
	}
	c.wantAlive()
}

func TestWire_Garbage(t *testing.T) {
	t.Parallel()
	c := open(t)
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 4096)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	for name, text := range map[string][]byte{
		"noise":               noise,
		"nothing":             nil,
		"an empty line":       []byte("\r\n\r\n"),
		"zeros":               make([]byte, 4096),
		"a TLS hello":         []byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x7f", 500)),
		"HTTP/2":              []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"),
		"another protocol":    []byte("SSH-2.0-OpenSSH_9.6\r\n"),
		"half a request":      []byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"),
		"half an invocation":  []byte("POST /endpoints/e/invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"),
		"half a header":       []byte("POST /endpoints/e/invocations HTTP/1.1\r\nHo"),
		"two lengths":         []byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
		"length and chunks":   []byte("POST /endpoints/e/invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
		"a bad chunk":         []byte("POST /endpoints/e/invocations HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
		"no JSON":             []byte("POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: SageMaker.ListModels\r\nContent-Length: 4\r\n\r\n{{{{"),
		"deep JSON":           deep("SageMaker.ListModels", 200_000),
		"an unknown target":   []byte("POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: SageMaker.\xff\x00\r\nContent-Length: 2\r\n\r\n{}"),
		"an unknown method":   []byte("BREW /endpoints/e/invocations HTTP/1.1\r\nHost: x\r\n\r\n"),
		"an absolute address": []byte("POST http://elsewhere/endpoints/..%2f/invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"),
	} {
		if a, ok := c.say(text, true); ok && len(a.body) > 0 {
			a.wantShape(t, name, 400, 403, 404, 405, 408, 505)
		}
	}
	c.wantAlive()
}

// deep is an operation whose input is nested n deep.
func deep(target string, n int) []byte {
	body := strings.Repeat("[", n) + strings.Repeat("]", n)
	return fmt.Appendf(nil, "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: %s\r\nContent-Length: %d\r\n\r\n%s", target, len(body), body)
}
