package e2e

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"
	"github.com/google/go-cmp/cmp"
)

// A record is a line of a captured object, as anybody would read it who knows AWS's format and nothing else.
type record struct {
	CaptureData struct {
		EndpointInput, EndpointOutput *struct{ ObservedContentType, Mode, Data, Encoding string }
	}
	EventMetadata struct {
		EventID, InferenceID, InferenceTime string
		CustomAttributes                    []string
	}
	EventVersion string
}

var capturedKey = regexp.MustCompile(`^\d{4}/\d\d/\d\d/\d\d/\d\d-\d\d-\d{3}-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.jsonl$`)

// captured reads what lies under a folder of a bucket, by event. Every line must be whole, and no event there twice.
func (s *server) captured(bucket, folder string) map[string]record {
	s.t.Helper()
	found := make(map[string]record)
	root := filepath.Join(s.data(), "objects", bucket, folder)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if key, _ := filepath.Rel(root, path); !capturedKey.MatchString(filepath.ToSlash(key)) {
			s.t.Errorf("an object is named %s", path)
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !bytes.HasSuffix(body, []byte("\n")) {
			s.t.Errorf("%s is torn: %.100q", path, body[max(0, len(body)-100):])
		}
		lines := bufio.NewScanner(bytes.NewReader(body))
		lines.Buffer(nil, 64<<20)
		for lines.Scan() {
			var r record
			if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
				s.t.Errorf("%s: %v: %.100q", path, err, lines.Text())
			}
			if _, twice := found[r.EventMetadata.EventID]; twice {
				s.t.Errorf("event %s is there twice", r.EventMetadata.EventID)
			}
			found[r.EventMetadata.EventID] = r
		}
		return nil
	})
	if err != nil && !os.IsNotExist(err) {
		s.t.Error(err)
	}
	return found
}

// storing says that an experiment's requests are captured.
func storing(destination string, csv, json []string) *types.InferenceExperimentDataStorageConfig {
	d := &types.InferenceExperimentDataStorageConfig{Destination: &destination}
	if csv != nil || json != nil {
		d.ContentType = &types.CaptureContentTypeHeader{CsvContentTypes: csv, JsonContentTypes: json}
	}
	return d
}

func (c client) captureStatus(endpoint string) types.CaptureStatus {
	c.t.Helper()
	if d := c.describeEndpoint(endpoint).DataCaptureConfig; d != nil {
		return d.CaptureStatus
	}
	return ""
}

// TestCapture_Experiment captures both variants of an experiment, as DataStorageConfig says, and joins them by event as
// AWS's notebooks do.
func TestCapture_Experiment(t *testing.T) {
	t.Parallel()
	c := newServer(t, "limits: {capture_file_age: 1s}\n").client()
	c.faultyModel("echo", "none")
	c.faultyModel("describe", "describe")
	c.serving("e", "echo")
	x := c.experiment("x", "e", "echo", "describe")
	const destination = "s3://captures/shadow-tests//"
	x.DataStorageConfig = storing(destination, []string{"text/csv"}, []string{"application/json"})
	c.begin(x)
	if got := aws.ToString(c.describe("x").DataStorageConfig.Destination); got != destination {
		t.Errorf("Destination is %q, want %q as it was given", got, destination)
	}
	if got := c.captureStatus("e"); got != types.CaptureStatusStarted {
		t.Errorf("CaptureStatus is %q", got)
	}
	for i := range 40 {
		in := &sagemakerruntime.InvokeEndpointInput{
			EndpointName: aws.String("e"), ContentType: aws.String("text/csv; charset=utf-8"), Body: fmt.Appendf(nil, "%d,\"ü\"\n", i),
		}
		switch {
		case i%4 == 1:
			in.ContentType, in.InferenceId, in.CustomAttributes = aws.String("application/json"), aws.String(fmt.Sprint("mine-", i)), aws.String("tenant=a")
		case i%4 == 2:
			in.ContentType, in.Body = aws.String("application/x-npy"), []byte{0x93, 'N', 'U', 'M', 'P', 'Y', byte(i)}
		}
		if _, err := c.runtime.InvokeEndpoint(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	if found := c.settled("x"); found.Accounting["mirrored"] != 40 {
		t.Fatalf("%v", found.Accounting)
	}
	if _, err := c.StopInferenceExperiment(t.Context(), &sagemaker.StopInferenceExperimentInput{
		Name: aws.String("x"), DesiredState: types.InferenceExperimentStopDesiredStateCompleted, ModelVariantActions: map[string]types.ModelVariantAction{production: types.ModelVariantActionRetain, shadow: types.ModelVariantActionRemove},
	}); err != nil {
		t.Fatal(err)
	}
	c.until("x", types.InferenceExperimentStatusCompleted)
	c.wantReadBack("x", 40)
	if got := c.captureStatus("e"); got != "" {
		t.Errorf("the experiment is over, and CaptureStatus is %q", got)
	}
	c.invoke("e", "not captured", production)
	c.s.stop()
	ours, theirs := c.s.captured("captures", "shadow-tests/e/"+production), c.s.captured("captures", "shadow-tests/e/"+shadow)
	if len(ours) != 40 || len(theirs) != 40 {
		t.Fatalf("%d and %d records of 40", len(ours), len(theirs))
	}
	encodings := make(map[string]int)
	for id, p := range ours {
		s, ok := theirs[id]
		if !ok {
			t.Errorf("the shadow has no event %s", id)
			continue
		}
		if diff := cmp.Diff(p.CaptureData.EndpointInput, s.CaptureData.EndpointInput); diff != "" {
			t.Errorf("the variants were sent different things:\n%s", diff)
		}
		if diff := cmp.Diff(p.EventMetadata, s.EventMetadata); diff != "" {
			t.Errorf("the events differ:\n%s", diff)
		}
		in, out := p.CaptureData.EndpointInput, p.CaptureData.EndpointOutput
		encodings[in.Encoding]++
		if in.Mode != "INPUT" || out.Mode != "OUTPUT" || *out != (struct{ ObservedContentType, Mode, Data, Encoding string }{in.ObservedContentType, "OUTPUT", in.Data, in.Encoding}) {
			t.Errorf("sent %+v, and the echo is %+v", in, out)
		}
		if (p.EventMetadata.InferenceID != "") != (in.ObservedContentType == "application/json") || (p.EventMetadata.InferenceID != "") != (len(p.EventMetadata.CustomAttributes) == 1 && p.EventMetadata.CustomAttributes[0] == "tenant=a") {
			t.Errorf("%+v of %+v", p.EventMetadata, in)
		}
		if at, err := time.Parse("2006-01-02T15:04:05Z", p.EventMetadata.InferenceTime); err != nil || time.Since(at) > 5*time.Minute {
			t.Errorf("inferenceTime is %q", p.EventMetadata.InferenceTime)
		}
		if got := s.CaptureData.EndpointOutput; got.Encoding != "JSON" || !json.Valid([]byte(got.Data)) {
			t.Errorf("the shadow's output is %+v", got)
		}
		if in.Encoding == "BASE64" {
			if b, err := base64.StdEncoding.DecodeString(in.Data); err != nil || !bytes.HasPrefix(b, []byte("\x93NUMPY")) {
				t.Errorf("%q is %q, %v", in.Data, b, err)
			}
		}
	}
	if diff := cmp.Diff(map[string]int{"CSV": 20, "JSON": 10, "BASE64": 10}, encodings); diff != "" {
		t.Errorf("the encodings (-want +got):\n%s", diff)
	}
}

// uploaded waits until n events of both variants of an experiment are in the bucket, and returns what verify says of them.
func (c client) uploaded(experiment string, n int) (text string) {
	c.t.Helper()
	c.s.eventually("everything is uploaded", func() error {
		// As long as one variant's objects are there and the other's are not, it fails.
		out, err := exec.Command(filepath.Join(bin, "gnomon"), "capture", "verify", experiment, "--data-dir", c.s.data()).CombinedOutput()
		if text = string(out); err == nil && !strings.Contains(text, fmt.Sprintf("  %d of both variants\n", n)) {
			err = errors.New("not all of them")
		}
		if err != nil {
			return fmt.Errorf("%w: %s", err, text)
		}
		return nil
	})
	return text
}

// wantReadBack reads an experiment's captures by the command line, once they are uploaded.
func (c client) wantReadBack(experiment string, n int) {
	c.t.Helper()
	text := c.uploaded(experiment, n)
	for _, want := range []string{fmt.Sprintf("  %d of both variants\n", n), "  0 of production only", "  0 of the shadow only", "  0 there twice", "  0 were sent different things", "  0 records without times"} {
		if !strings.Contains(text, want) {
			c.t.Errorf("verify does not say %q: %s", want, text)
		}
	}
	text = c.s.gnomon("capture", "cat", experiment)
	if strings.Count(text, "\n") != n {
		c.t.Errorf("cat prints %d lines: %.500s", strings.Count(text, "\n"), text)
	}
	for line := range strings.Lines(text) {
		var e struct {
			EventID            string `json:"event_id"`
			Time               time.Time
			Production, Shadow struct {
				Input, Output      struct{ Text, Data string }
				Status             int
				ModelLatencyMicros int `json:"model_latency_micros"`
			}
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			c.t.Fatalf("%v: %s", err, line)
		}
		if e.EventID == "" || time.Since(e.Time) > 5*time.Minute || e.Production.Output != e.Production.Input || e.Production.Input != e.Shadow.Input ||
			e.Production.Status != 200 || e.Shadow.Status != 200 || e.Shadow.ModelLatencyMicros == 0 {
			c.t.Errorf("an event is %s", line)
		}
	}
	if text = c.s.gnomon("capture", "ls", experiment); strings.Count(text, "s3://captures/shadow-tests/e/") < 2 {
		c.t.Errorf("ls prints %s", text)
	}
}

// TestCapture_Endpoint captures an endpoint without an experiment, as its config's DataCaptureConfig says.
func TestCapture_Endpoint(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.faultyModel("echo", "none")
	for name, d := range map[string]*types.DataCaptureConfig{
		"half": {
			EnableCapture: aws.Bool(true), InitialSamplingPercentage: aws.Int32(50), DestinationS3Uri: aws.String("s3://captures"),
			CaptureOptions: []types.CaptureOption{{CaptureMode: types.CaptureModeInput}},
		},
		"off": {
			EnableCapture: aws.Bool(false), InitialSamplingPercentage: aws.Int32(100), DestinationS3Uri: aws.String("s3://captures"),
			CaptureOptions: []types.CaptureOption{{CaptureMode: types.CaptureModeInputAndOutput}},
		},
	} {
		if _, err := c.CreateEndpointConfig(t.Context(), &sagemaker.CreateEndpointConfigInput{
			EndpointConfigName: &name, DataCaptureConfig: d, ProductionVariants: []types.ProductionVariant{{
				VariantName: aws.String(production), ModelName: aws.String("echo"), InstanceType: instance, InitialInstanceCount: aws.Int32(1),
			}},
		}); err != nil {
			t.Fatal(err)
		}
		c.endpoint(name, name)
	}
	if half, off := c.captureStatus("half"), c.captureStatus("off"); half != types.CaptureStatusStarted || off != types.CaptureStatusStopped {
		t.Errorf("the CaptureStatus are %s and %s", half, off)
	}
	const n = 200
	for range n {
		c.invoke("half", "body", production)
		c.invoke("off", "body", production)
	}
	c.s.stop()
	if got := c.s.captured("captures", "off"); len(got) != 0 {
		t.Errorf("%d events of an endpoint whose capture is off", len(got))
	}
	got := c.s.captured("captures", "half/"+production)
	if len(got) < n/4 || len(got) > n*3/4 {
		t.Errorf("%d of %d requests are captured at 50 %%", len(got), n)
	}
	for _, r := range got {
		// Without configured content types everything is base64.
		if in := r.CaptureData.EndpointInput; r.CaptureData.EndpointOutput != nil || in == nil || in.Encoding != "BASE64" || in.Data != "Ym9keQ==" {
			t.Fatalf("a record is %+v", r)
		}
	}
}

// TestCapture_Kills ends the server at random moments under traffic, twenty times. Nothing that was captured may be torn or
// doubled, and nothing be missing that was answered longer ago than the flush interval.
func TestCapture_Kills(t *testing.T) {
	const flush = 50 * time.Millisecond
	c := newServer(t, "limits: {capture_flush: 50ms, capture_file_age: 300ms, capture_file_size: 20000}\n").client()
	c.faultyModel("echo", "none")
	c.serving("e", "echo")
	x := c.experiment("x", "e", "echo", "echo")
	x.DataStorageConfig = storing("s3://captures", nil, []string{"application/json"})
	c.begin(x)
	answered := make(map[string]time.Time)
	const kills = 20
	for range kills {
		var mu sync.Mutex
		var all sync.WaitGroup
		stop := make(chan struct{})
		for range 4 {
			all.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					if id := c.invokeID("e"); id != "" {
						mu.Lock()
						answered[id] = time.Now()
						mu.Unlock()
					}
				}
			})
		}
		c.s.awaitTime(time.Now().Add(50*time.Millisecond + rand.N(600*time.Millisecond)))
		killed := time.Now()
		c.s.kill()
		close(stop)
		all.Wait()
		for id, at := range answered {
			// Scheduling and writing take a moment, too, when two processors have everything to do.
			if !at.IsZero() && killed.Sub(at) < flush+100*time.Millisecond {
				delete(answered, id)
			} else {
				answered[id] = time.Time{} // it must be there, whatever is killed later
			}
		}
		c.s.start()
		c.inService("e")
	}
	c.s.stop()
	if len(answered) < 20*kills {
		t.Errorf("only %d requests were answered", len(answered))
	}
	ours := c.s.captured("captures", "e/"+production)
	missing := 0
	for id := range answered {
		if _, ok := ours[id]; !ok {
			missing++
		}
	}
	if missing > 0 {
		t.Errorf("%d of %d events are missing", missing, len(answered))
	}
	theirs := c.s.captured("captures", "e/"+shadow)
	t.Logf("%d answered, %d captured of production, %d of the shadow", len(answered), len(ours), len(theirs))
	if left, err := filepath.Glob(filepath.Join(c.s.data(), "spool", "*")); err != nil || len(left) > 0 {
		t.Errorf("the spool has %q, %v", left, err)
	}
}

// invokeID invokes an endpoint and returns the request's id if it was answered well, and an empty string otherwise.
func (c client) invokeID(endpoint string) string {
	out, err := c.runtime.InvokeEndpoint(c.t.Context(), &sagemakerruntime.InvokeEndpointInput{
		EndpointName: &endpoint, ContentType: aws.String("application/json"), Body: []byte("{}"),
	})
	if err != nil {
		return ""
	}
	id, _ := awsmiddleware.GetRequestIDMetadata(out.ResultMetadata)
	return id
}

// TestCapture_Encrypted captures by a key of the keyring: what lies in the bucket cannot be read, and Gnomon reads it.
func TestCapture_Encrypted(t *testing.T) {
	t.Parallel()
	c := newServer(t, "limits: {capture_file_age: 500ms}\n").client()
	c.faultyModel("echo", "none")
	c.serving("e", "echo")
	x := c.experiment("x", "e", "echo", "echo")
	x.DataStorageConfig = storing("s3://captures", nil, []string{"application/json"})
	x.DataStorageConfig.KmsKey = aws.String("alias/captures")
	_, err := c.CreateInferenceExperiment(t.Context(), x)
	wantCode(t, err, "ValidationException", "there is no such key")
	arn := strings.TrimSpace(c.s.gnomon("keys", "create", "--alias", "alias/captures"))
	c.s.gnomon("keys", "disable", arn)
	_, err = c.CreateInferenceExperiment(t.Context(), x)
	wantCode(t, err, "ValidationException", "the key is disabled")
	c.s.gnomon("keys", "enable", arn)
	c.begin(x)
	const secret = `{"patient": "a very particular one"}`
	for n := range 20 {
		c.invoke("e", secret, production)
		if n == 9 {
			c.uploaded("x", 10)
			c.s.gnomon("keys", "rotate", "alias/captures")
		}
	}
	c.uploaded("x", 20)
	if text := c.s.gnomon("capture", "cat", "x"); strings.Count(text, "a very particular one") != 4*20 {
		t.Errorf("cat prints %s", text)
	}
	if list := c.s.gnomon("keys", "list"); !strings.Contains(list, arn+"  enabled  version 2 of ") {
		t.Errorf("the keys are %s", list)
	}
	files := 0
	err = filepath.WalkDir(filepath.Join(c.s.data(), "objects", "captures"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if files++; !bytes.HasPrefix(b, []byte("gnomon-sealed-1\n")) || bytes.Contains(b, []byte("particular")) || bytes.Contains(b, []byte("eventId")) {
			t.Errorf("%s can be read: %.300q", path, b)
		}
		return err
	})
	if err != nil || files < 4 {
		t.Errorf("%d files, %v", files, err)
	}
}

// TestCapture_BeginsWithTheExperiment has a shadow that is deployed before its experiment starts: what comes until then is not
// captured.
func TestCapture_BeginsWithTheExperiment(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.faultyModel("echo", "none")
	c.serving("e", "echo")
	x := c.experiment("x", "e", "echo", "echo")
	x.DataStorageConfig = storing("s3://captures", nil, []string{"application/json"})
	x.Schedule = &types.InferenceExperimentSchedule{StartTime: aws.Time(time.Now().Add(8 * time.Second)), EndTime: aws.Time(time.Now().Add(time.Hour))}
	if _, err := c.CreateInferenceExperiment(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	c.s.eventually("the shadow is deployed", func() error { return c.consists("e", production, shadow) })
	const early, late = 20, 30
	for range early {
		c.invoke("e", picture, production)
	}
	if got := c.describe("x").Status; got == types.InferenceExperimentStatusRunning {
		t.Fatalf("the experiment is %s already", got)
	}
	c.until("x", types.InferenceExperimentStatusRunning)
	for range late {
		c.invoke("e", picture, production)
	}
	c.settled("x")
	c.s.stop()
	ours, theirs := c.s.captured("captures", "e/"+production), c.s.captured("captures", "e/"+shadow)
	if len(ours) != late || len(theirs) != late {
		t.Errorf("%d and %d records of %d requests during the experiment", len(ours), len(theirs), late)
	}
}
