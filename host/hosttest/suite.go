package hosttest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gnomon"
	"gnomon/host"
	"gnomon/objects"
)

// Run runs the suite. Its subtests are what a driver promises.
func Run(t *testing.T, tg Target) {
	for name, test := range map[string]func(*testing.T, Target){
		"Serves":                      testServes,
		"PassesTheEnvironment":        testEnvironment,
		"LaysOutArtifacts":            testArtifacts,
		"StopsPolitely":               testStop,
		"KillsTheStubborn":            testStubborn,
		"RestartsTheDead":             testCrash,
		"TakesTheSickOutOfService":    testSick,
		"ReplacesTheHopelesslySick":   testSickForGood,
		"FailsTheDeaf":                testDeaf,
		"FailsTheBroken":              testBroken,
		"FailsWithoutArtifacts":       testBadArtifact,
		"FailsWithoutImage":           testUnknownImage,
		"FailedStaysUntilStopped":     testFailedStays,
		"ScalesUpAndNeverDown":        testScale,
		"StartsAgainAfterStop":        testAgain,
		"SurvivesAReopen":             testReopen,
		"ChangesTheClass":             testClass,
		"StopsWhatIsStillOnlyStarted": testStopStarting,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, tg)
		})
	}
}

// Objects returns a table in memory with the given objects, by URI.
func Objects(t *testing.T, content map[string][]byte) *objects.Table {
	t.Helper()
	tab, err := objects.New(map[string]string{"default": "mem://"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tab.Close() })
	for uri, b := range content {
		w, err := tab.Create(t.Context(), uri)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(w, bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return tab
}

// TarGz packs files, by name.
func TarGz(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for name, content := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (tg Target) start(t *testing.T, o host.Options) *Running {
	t.Helper()
	return Start(t, tg.Open(t, Objects(t, nil)), o)
}

func testServes(t *testing.T, tg Target) {
	h := tg.start(t, host.Options{})
	h.MustEnsure(tg.Fleet(Well))
	h.MustEnsure(tg.Fleet(Well))
	i := h.AwaitOne(gnomon.InstanceInService)
	if got := Call(t, i, "/invocations"); got != "answer" {
		t.Errorf("answer %q", got)
	}
	if got := h.EndpointInstances(i.EndpointID); len(got) != 1 || got[0].Variant != "AllTraffic" || got[0].Restarts != 0 {
		t.Errorf("EndpointInstances: %+v", got)
	}
	if got := h.EndpointInstances("another"); got != nil {
		t.Errorf("another endpoint has %+v", got)
	}
}

func testEnvironment(t *testing.T, tg Target) {
	h := tg.start(t, host.Options{})
	f := tg.Fleet(Well)
	f.Container.Environment["GREETING"] = "hello = you\n"
	h.MustEnsure(f)
	var env []string
	if err := json.Unmarshal([]byte(Call(t, h.AwaitOne(gnomon.InstanceInService), "/env")), &env); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(env, "GREETING=hello = you\n") {
		t.Errorf("the container's environment is not in %q", env)
	}
	// GNOMON_TEST_SECRET is set in the environment of the driver's test.
	if s := strings.Join(env, " "); strings.Contains(s, "GNOMON_TEST_SECRET") {
		t.Errorf("Gnomon's environment is in %q", env)
	}
}

func testArtifacts(t *testing.T, tg Target) {
	h := Start(t, tg.Open(t, Objects(t, map[string][]byte{
		"s3://models/one.tar.gz":     TarGz(t, map[string]string{"./model.json": "{}", "code/a/inference.py": "pass"}),
		"s3://models/plain/weights":  []byte("w"),
		"s3://models/plain/a/config": []byte("c"),
		"s3://models/labels.txt":     []byte("l"),
	})), host.Options{})
	f := tg.Fleet(Well)
	f.Container.Artifacts = []gnomon.Artifact{
		{URI: "s3://models/one.tar.gz", Gzip: true},
		{URI: "s3://models/labels.txt"},
		{URI: "s3://models/plain/", Prefix: true, Channel: "adapter"},
	}
	h.MustEnsure(f)
	var got map[string]string
	if err := json.Unmarshal([]byte(Call(t, h.AwaitOne(gnomon.InstanceInService), "/files")), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"model/model.json":                               "{}",
		"model/code/a/inference.py":                      "pass",
		"model/labels.txt":                               "l",
		"additional-model-data-sources/adapter/weights":  "w",
		"additional-model-data-sources/adapter/a/config": "c",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func testStop(t *testing.T, tg Target) {
	h := tg.start(t, host.Options{})
	h.MustEnsure(tg.Fleet(Well))
	i := h.AwaitOne(gnomon.InstanceInService)
	h.MustStop(i.ID)
	h.MustStop(i.ID)
	if all := h.Instances(); len(all) == 1 && (all[0].State != gnomon.InstanceStopping || all[0].Address != "") {
		t.Errorf("after Stop: %+v", all)
	}
	h.AwaitGone()
	if c, err := net.Dial("tcp", i.Address); err == nil {
		c.Close()
		t.Error("the server still takes connections")
	}
	if l := h.Log(i.ID); !strings.Contains(l, "got SIGTERM") || !strings.Contains(l, "goodbye") {
		t.Errorf("the server was not asked politely; its log: %s", l)
	}
	h.MustStop(i.ID)
	h.MustStop(gnomon.InstanceID{Fleet: "never", Ordinal: 7})
}

func testStubborn(t *testing.T, tg Target) {
	h := tg.start(t, host.Options{StopGrace: 100 * time.Millisecond})
	h.MustEnsure(tg.Fleet(Stubborn))
	i := h.AwaitOne(gnomon.InstanceInService)
	h.MustStop(i.ID)
	h.AwaitGone()
	if c, err := net.Dial("tcp", i.Address); err == nil {
		c.Close()
		t.Error("the server still takes connections")
	}
	if l := h.Log(i.ID); !strings.Contains(l, "got SIGTERM") || strings.Contains(l, "goodbye") {
		t.Errorf("log of a server that was to be killed: %s", l)
	}
}

func testCrash(t *testing.T, tg Target) {
	h := tg.start(t, host.Options{})
	h.MustEnsure(tg.Fleet(Well))
	first := h.AwaitOne(gnomon.InstanceInService)
	pid := Call(t, first, "/pid")
	Call(t, first, "/crash")
	i := h.Await("another start", func(all []gnomon.Instance) bool {
		return len(all) == 1 && all[0].State == gnomon.InstanceInService && all[0].Restarts == 1
	})[0]
	if again := Call(t, i, "/pid"); again == pid && i.Address == first.Address {
		t.Error("it is the same process")
	}
}

func testSick(t *testing.T, tg Target) {
	h := tg.start(t, host.Options{Patience: time.Hour})
	h.MustEnsure(tg.Fleet(Well))
	i := h.AwaitOne(gnomon.InstanceInService)
	pid := Call(t, i, "/pid")
	Call(t, i, "/sick")
	if out := h.AwaitOne(gnomon.InstanceRestarting); out.Address != "" {
		t.Errorf("out of service, and yet it has the address %s", out.Address)
	}
	Call(t, i, "/well")
	if back := h.AwaitOne(gnomon.InstanceInService); back.Restarts != 0 || Call(t, back, "/pid") != pid {
		t.Errorf("a server that recovered was started anew: %+v", back)
	}
}

func testSickForGood(t *testing.T, tg Target) {
	h := tg.start(t, host.Options{Patience: 50 * time.Millisecond})
	h.MustEnsure(tg.Fleet(Well))
	Call(t, h.AwaitOne(gnomon.InstanceInService), "/sick")
	h.Await("a new server", func(all []gnomon.Instance) bool {
		return len(all) == 1 && all[0].State == gnomon.InstanceInService && all[0].Restarts == 1
	})
}

func testDeaf(t *testing.T, tg Target) {
	h := tg.start(t, host.Options{})
	f := tg.Fleet(Deaf)
	f.StartupTimeout = 300 * time.Millisecond
	h.MustEnsure(f)
	i := h.AwaitOne(gnomon.InstanceFailed)
	if i.Failure == nil || i.Failure.Kind != gnomon.FailedPing || !strings.Contains(i.Failure.Detail, "503") {
		t.Errorf("failure %+v, want one of ping with the status", i.Failure)
	}
}

func testBroken(t *testing.T, tg Target) {
	h := tg.start(t, host.Options{StartupTimeout: time.Second})
	h.MustEnsure(tg.Fleet(Broken))
	i := h.AwaitOne(gnomon.InstanceFailed)
	if i.Failure == nil || i.Failure.Kind != gnomon.FailedPing {
		t.Fatalf("failure %+v, want one of ping", i.Failure)
	}
	for _, want := range []string{"exit status 3", "cannot load the model"} {
		if !strings.Contains(i.Failure.Detail, want) {
			t.Errorf("detail %q does not say %q", i.Failure.Detail, want)
		}
	}
}

func testBadArtifact(t *testing.T, tg Target) {
	for name, a := range map[string]gnomon.Artifact{
		"missing":   {URI: "s3://models/none.tar.gz", Gzip: true},
		"no bucket": {URI: "s3://nothing/none.tar.gz", Gzip: true},
		"not a tar": {URI: "s3://models/text", Gzip: true},
		"empty":     {URI: "s3://models/none/", Prefix: true},
	} {
		t.Run(name, func(t *testing.T) {
			h := Start(t, tg.Open(t, Objects(t, map[string][]byte{"s3://models/text": []byte("just text")})), host.Options{})
			f := tg.Fleet(Well)
			f.Container.Artifacts = []gnomon.Artifact{a}
			h.MustEnsure(f)
			i := h.AwaitOne(gnomon.InstanceFailed)
			if i.Failure == nil || i.Failure.Kind != gnomon.FailedDownload || !strings.Contains(i.Failure.Detail, a.URI) {
				t.Errorf("failure %+v, want one of download that names %s", i.Failure, a.URI)
			}
		})
	}
}

func testUnknownImage(t *testing.T, tg Target) {
	h := tg.start(t, host.Options{})
	f := tg.Fleet(Well)
	f.Container.Image = "unknown"
	h.MustEnsure(f)
	i := h.AwaitOne(gnomon.InstanceFailed)
	if i.Failure == nil || i.Failure.Kind != gnomon.FailedImage || !strings.Contains(i.Failure.Detail, "unknown") {
		t.Errorf("failure %+v, want one of image that names it", i.Failure)
	}
}

func testFailedStays(t *testing.T, tg Target) {
	h := tg.start(t, host.Options{})
	f := tg.Fleet(Well)
	f.Container.Image = "unknown"
	h.MustEnsure(f)
	i := h.AwaitOne(gnomon.InstanceFailed)
	h.MustEnsure(f)
	if got := h.Instances(); len(got) != 1 || got[0] != i {
		t.Errorf("after another Ensure: %+v, want %+v", got, i)
	}
	h.MustStop(i.ID)
	h.AwaitGone()
}

func testScale(t *testing.T, tg Target) {
	h := tg.start(t, host.Options{})
	f := tg.Fleet(Well)
	h.MustEnsure(f)
	h.AwaitOne(gnomon.InstanceInService)
	inService := func(n int) func([]gnomon.Instance) bool {
		return func(all []gnomon.Instance) bool {
			return len(all) == n && !slices.ContainsFunc(all, func(i gnomon.Instance) bool {
				return i.State != gnomon.InstanceInService
			})
		}
	}
	f.Count = 3
	h.MustEnsure(f)
	all := h.Await("three in service", inService(3))
	seen := make(map[string]bool)
	for n, i := range all {
		seen[i.Address] = true
		if i.ID.Ordinal != n {
			t.Errorf("ordinal %d, want %d", i.ID.Ordinal, n)
		}
	}
	if len(seen) != 3 {
		t.Errorf("addresses %v, want three", seen)
	}
	f.Count = 1
	h.MustEnsure(f)
	h.MustStop(all[1].ID)
	h.Await("two left", inService(2))
}

func testAgain(t *testing.T, tg Target) {
	h := tg.start(t, host.Options{})
	f := tg.Fleet(Well)
	h.MustEnsure(f)
	i := h.AwaitOne(gnomon.InstanceInService)
	h.MustStop(i.ID)
	h.AwaitGone()
	h.MustEnsure(f)
	if got := Call(t, h.AwaitOne(gnomon.InstanceInService), "/invocations"); got != "answer" {
		t.Errorf("answer %q", got)
	}
}

func testReopen(t *testing.T, tg Target) {
	from := Objects(t, nil)
	h := Start(t, tg.Open(t, from), host.Options{})
	h.MustEnsure(tg.Fleet(Well))
	h.AwaitOne(gnomon.InstanceInService)
	h.Close()
	h = Start(t, tg.Open(t, from), host.Options{})
	h.MustEnsure(tg.Fleet(Well))
	i := h.AwaitOne(gnomon.InstanceInService)
	if got := Call(t, i, "/invocations"); got != "answer" {
		t.Errorf("answer %q", got)
	}
	h.MustStop(i.ID)
	h.AwaitGone()
}

func testClass(t *testing.T, tg Target) {
	if tg.FixedClass != "" {
		t.Skip(tg.FixedClass)
	}
	h := tg.start(t, host.Options{})
	f := tg.Fleet(Well)
	f.Class = gnomon.Shadow
	h.MustEnsure(f)
	i := h.AwaitOne(gnomon.InstanceInService)
	pid := Call(t, i, "/pid")
	f.Class = gnomon.Production
	h.MustEnsure(f)
	i = h.Await("class of production", func(all []gnomon.Instance) bool {
		return len(all) == 1 && all[0].Class == gnomon.Production
	})[0]
	if Call(t, i, "/pid") != pid || i.Restarts != 0 {
		t.Errorf("the server was started anew for its class: %+v", i)
	}
}

func testStopStarting(t *testing.T, tg Target) {
	h := tg.start(t, host.Options{StopGrace: 100 * time.Millisecond})
	f := tg.Fleet(Deaf)
	h.MustEnsure(f)
	h.MustStop(gnomon.InstanceID{Fleet: f.ID})
	h.AwaitGone()
}
