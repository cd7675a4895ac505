package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/google/go-cmp/cmp"

	"gnomon"
	"gnomon/api"
	"gnomon/control"
	"gnomon/sagemaker"
	"gnomon/store"
)

const (
	role = "arn:aws:iam::000000000000:role/gnomon"
	arns = "arn:aws:sagemaker:us-east-1:000000000000:"
)

// A stage is the control plane behind its wire, over a real store, with a host that brings every instance into service
// a second after it was asked for. Its clock stands still unless a test sleeps.
type stage struct {
	*testing.T
	http http.Handler
	aws  *sdk.Client // AWS's own client
	host *host
}

// onStage runs f on a new stage.
func onStage(t *testing.T, f func(*stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f(newStage(t))
	})
}

func newStage(t *testing.T) *stage {
	ctx, cancel := context.WithCancel(t.Context())
	db, err := store.Open(ctx, filepath.Join(t.TempDir(), "control.db"))
	if err != nil {
		t.Fatal(err)
	}
	partition := gnomon.Partition{Name: "aws", Region: "us-east-1", Account: "000000000000"}
	p := &control.Plane{
		Store: db, Artifacts: there{}, Images: there{}, Captures: captures{}, Volumes: volumes{}, Verdicts: verdicts{}, Log: slog.New(slog.DiscardHandler),
		Endpoints: control.NewQueue(), Experiments: control.NewQueue(),
		Rules: control.Rules{
			Partition: partition, Roles: []gnomon.Role{{ARN: role, Powers: gnomon.Powers()}},
			Quotas: map[gnomon.InstanceType]int{"ml.p4d.24xlarge": 0}, StartLead: 10 * time.Minute,
		},
	}
	h := &host{instances: make(map[gnomon.InstanceID]gnomon.Instance)}
	endpoints, experiments := control.NewEndpointReconciler(p, h, deaf{}), control.NewExperimentReconciler(p, deaf{})
	h.changed = endpoints.Changed
	var running sync.WaitGroup
	running.Go(func() { endpoints.Run(ctx) })
	running.Go(func() { experiments.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		h.pending.Wait()
		db.Close()
	})
	face := api.New(partition, control.Models{Plane: p}, control.EndpointConfigs{Plane: p}, control.Endpoints{Plane: p}, control.Experiments{Plane: p}, control.Tags{Plane: p})
	s := &stage{T: t, http: sagemaker.NewServer(face, sagemaker.Options{}), host: h}
	s.aws = sdk.New(sdk.Options{
		BaseEndpoint: new("http://gnomon"), HTTPClient: s, Region: "us-east-1", RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "secret"}, nil
		}),
	})
	return s
}

// Do answers the client's requests without a network, which would hold up the stage's clock.
func (s *stage) Do(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	s.http.ServeHTTP(w, r)
	return w.Result(), nil
}

// try sends the input of an operation and reads its output into out.
func (s *stage) try(operation, in string, out any) error {
	s.Helper()
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(in))
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "SageMaker."+operation)
	answer, err := s.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		s.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK {
		var e struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}
		if err := json.Unmarshal(body, &e); err != nil {
			s.Fatal(err)
		}
		return &refusal{Status: answer.StatusCode, Code: e.Type, Message: e.Message}
	}
	if out == nil || len(body) == 0 {
		return nil
	}
	return json.Unmarshal(body, out)
}

type refusal struct {
	Status        int
	Code, Message string
}

func (r *refusal) Error() string { return r.Code + ": " + r.Message }

// do sends the input of an operation that must succeed and returns its output.
func (s *stage) do(operation, in string) map[string]any {
	s.Helper()
	var out map[string]any
	if err := s.try(operation, in, &out); err != nil {
		s.Fatalf("%s: %v", operation, err)
	}
	return out
}

// refuses sends the input of an operation that must fail as said.
func (s *stage) refuses(operation, in, code, message string) {
	s.Helper()
	err := s.try(operation, in, nil)
	r, ok := errors.AsType[*refusal](err)
	if !ok {
		s.Errorf("%s %s: got %v, want %s", operation, in, err, code)
		return
	}
	if diff := cmp.Diff(&refusal{Status: http.StatusBadRequest, Code: code, Message: message}, r); diff != "" {
		s.Errorf("%s %s: -want +got:\n%s", operation, in, diff)
	}
}

func (s *stage) model(name string) {
	s.Helper()
	s.do("CreateModel", `{"ModelName": "`+name+`", "ExecutionRoleArn": "`+role+`", "PrimaryContainer": {"Image": "repository/`+name+`:1"}}`)
}

// serve makes models m and n, the config c of m, and the endpoint e in service with it.
func (s *stage) serve() {
	s.Helper()
	s.model("m")
	s.model("n")
	s.do("CreateEndpointConfig", `{"EndpointConfigName": "c", "ProductionVariants": [`+variant("AllTraffic", "m", 2, `, "VolumeSizeInGB": 8`)+`],
		"VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}}`)
	s.do("CreateEndpoint", `{"EndpointName": "e", "EndpointConfigName": "c"}`)
	s.settle()
}

// variant returns a variant of an endpoint config with more members.
func variant(name, model string, count int, more string) string {
	return `{"VariantName": "` + name + `", "ModelName": "` + model + `", "InstanceType": "ml.m5.large", "InitialInstanceCount": ` + text(count) + more + `}`
}

// modelVariant returns a variant of an experiment.
func modelVariant(name, model string, count int) string {
	return `{"VariantName": "` + name + `", "ModelName": "` + model + `", "InfrastructureConfig": {"InfrastructureType": "RealTimeInference",
		"RealTimeInferenceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": ` + text(count) + `}}}`
}

// shadowMode returns a ShadowModeConfig of AllTraffic and shadow.
func shadowMode(percent int) string {
	return `{"SourceModelVariantName": "AllTraffic", "ShadowModelVariants": [{"ShadowModelVariantName": "shadow", "SamplingPercentage": ` + text(percent) + `}]}`
}

// test returns the input that makes the experiment x on e, with more members.
func test(more string) string {
	return `{"Name": "x", "Type": "ShadowMode", "RoleArn": "` + role + `", "EndpointName": "e",
		"ModelVariants": [` + modelVariant("AllTraffic", "m", 2) + `, ` + modelVariant("shadow", "n", 1) + `],
		"ShadowModeConfig": ` + shadowMode(50) + more + `}`
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // numbers and strings marshal
	}
	return string(b)
}

// unix returns a time as the wire has it, from now on.
func unix(later time.Duration) float64 { return float64(time.Now().Add(later).UnixMilli()) / 1000 }

// wait lets time pass on the stage.
func (s *stage) wait(d time.Duration) { time.Sleep(d) }

// settle lets everything happen that happens within a moment.
func (s *stage) settle() { s.wait(5 * time.Second) }

// at returns what is at a path of keys and indices in an output.
func at(v any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[step]
		case int:
			l, _ := v.([]any)
			if step >= len(l) {
				return nil
			}
			v = l[step]
		}
	}
	return v
}

// wants compares what is at a path.
func (s *stage) wants(out map[string]any, want any, path ...any) {
	s.Helper()
	if diff := cmp.Diff(want, at(out, path...)); diff != "" {
		s.Errorf("%v: -want +got:\n%s", path, diff)
	}
}

// decoded returns JSON as outputs have it.
func decoded(t *testing.T, s string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// there are artifacts that always are, but for those of the bucket nowhere.
type there struct{}

func (there) CheckImage(string) error { return nil }

func (captures) Trouble(string) error { return nil }

func (captures) Check(_, _ string) error { return nil }

// captures go anywhere.
type captures struct{}

// volumes are encrypted by every key but one.
type volumes struct{}

// verdicts have found nothing.
type verdicts struct{}

func (verdicts) Worse(gnomon.MirrorID) string { return "" }
func (verdicts) Forget(gnomon.MirrorID)       {}

func (volumes) CheckKey(name string) error {
	if name == "unknown" {
		return errors.New("there is no such key")
	}
	return nil
}

func (there) Check(_ context.Context, a gnomon.Artifact) error {
	if strings.HasPrefix(a.URI, "s3://nowhere/") {
		return errors.New("no such bucket")
	}
	return nil
}

// deaf is a router and an account that take everything and keep nothing.
type deaf struct{}

func (deaf) Publish(gnomon.Routes)                         {}
func (deaf) InFlight(gnomon.InstanceID) int                { return 0 }
func (deaf) Freeze(context.Context, gnomon.MirrorID) error { return nil }

// host keeps books instead of running anything. An image that is called bad fails, one that is called slow never starts.
type host struct {
	changed func(endpointID string)
	pending sync.WaitGroup

	mu        sync.Mutex
	instances map[gnomon.InstanceID]gnomon.Instance
}

func (h *host) Ensure(_ context.Context, f gnomon.Fleet) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for n := range f.Count {
		i := gnomon.Instance{ID: gnomon.InstanceID{Fleet: f.ID, Ordinal: n}, EndpointID: f.EndpointID, Variant: f.Variant, Class: f.Class, State: gnomon.InstanceStarting}
		if _, ok := h.instances[i.ID]; ok {
			continue
		}
		h.instances[i.ID] = i
		if f.Container.Image == "repository/slow:1" {
			continue
		}
		h.later(f.EndpointID, func() {
			i.State, i.Address = gnomon.InstanceInService, "127.0.0.1:1"
			if f.Container.Image == "repository/bad:1" {
				i.State, i.Failure = gnomon.InstanceFailed, &gnomon.Failure{Kind: gnomon.FailedPing}
			}
			h.instances[i.ID] = i
		})
	}
	return nil
}

func (h *host) Stop(_ context.Context, id gnomon.InstanceID) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	i, ok := h.instances[id]
	if !ok || i.State == gnomon.InstanceStopping {
		return nil
	}
	i.State = gnomon.InstanceStopping
	h.instances[id] = i
	h.later(i.EndpointID, func() { delete(h.instances, id) })
	return nil
}

func (h *host) later(endpointID string, f func()) {
	h.pending.Go(func() {
		time.Sleep(time.Second)
		h.mu.Lock()
		f()
		h.mu.Unlock()
		h.changed(endpointID)
	})
}

func (h *host) Instances() []gnomon.Instance {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []gnomon.Instance
	for _, i := range h.instances {
		all = append(all, i)
	}
	return all
}

// running counts the instances of a variant.
func (h *host) running(v gnomon.VariantName) int {
	n := 0
	for _, i := range h.Instances() {
		if i.Variant == v {
			n++
		}
	}
	return n
}
