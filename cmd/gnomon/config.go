package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"gnomon"
	"gnomon/capture"
	"gnomon/front"
	"gnomon/keys"
	"gnomon/router"
)

// A config is the configuration file. Every zero value works. What is not known or malformed is refused, with its line.
type config struct {
	Listen  string `yaml:"listen"`   // address and port; 127.0.0.1:8080
	DataDir string `yaml:"data_dir"` // ./gnomon-data
	Auth    string `yaml:"auth"`     // sigv4 or off; sigv4
	Metrics string `yaml:"metrics"`  // who may read /metrics: signed, open or off; signed

	Partition string `yaml:"partition"` // of ARNs; aws
	Region    string `yaml:"region"`    // us-east-1
	Account   string `yaml:"account"`   // 000000000000

	Host         string            `yaml:"host"`          // process
	Nice         *int              `yaml:"nice"`          // added to the niceness of the server's threads, where that is allowed; -10
	InstanceSize string            `yaml:"instance_size"` // lenient: a type larger than the machine gets the machine; strict: it is refused
	Images       []imageConfig     `yaml:"images"`
	Buckets      map[string]string `yaml:"buckets"` // bucket name, or default, to a URL

	Quotas    map[string]int                    `yaml:"quotas"` // instance type, or default, to a number of instances
	Roles     map[string][]gnomon.Power         `yaml:"roles"`  // role name or ARN to its powers
	StartLead *duration                         `yaml:"start_lead"`
	Retention struct{ Minutes, Hours duration } `yaml:"retention"`
	Verdict   struct {
		LeastTime duration `yaml:"least_time"` // from the first pair to the last, before which nothing is decided; 1m
	} `yaml:"verdict"`
	Limits    limitsConfig `yaml:"limits"`
	StopGrace *duration    `yaml:"stop_grace"` // between SIGTERM and SIGKILL of a model; 30s

	path string // where it was read from; empty: nowhere
	told string // the role that the server has told of; empty: what Roles says
}

// An imageConfig says which command runs the images of a name.
type imageConfig struct {
	Name    string            `yaml:"name"`    // of images; * stands for any characters
	Command []string          `yaml:"command"` // {port} and {model_dir} are filled in
	Env     map[string]string `yaml:"env"`
	Dir     string            `yaml:"dir"` // working directory; the model's own
}

// A limitsConfig bounds what requests and shadows may take. What is 0 has the default.
type limitsConfig struct {
	Loops int `yaml:"loops"` // that share all connections; half of the processors

	// Of callers.
	Connections   int      `yaml:"connections"` // open at once; 8192
	Header        int      `yaml:"header"`      // bytes of a request's line and header; 16 KiB
	Body          int      `yaml:"body"`        // bytes of an invocation; 25 MiB
	BodyBudget    int64    `yaml:"body_budget"` // bytes of all large bodies under way; 512 MiB
	HeaderTimeout duration `yaml:"header_timeout"`
	BodyTimeout   duration `yaml:"body_timeout"`
	IdleTimeout   duration `yaml:"idle_timeout"`
	WriteTimeout  duration `yaml:"write_timeout"`
	DrainTimeout  duration `yaml:"drain_timeout"`

	// Of models.
	InvocationTimeout duration `yaml:"invocation_timeout"` // 60s
	StreamTimeout     duration `yaml:"stream_timeout"`     // 8m
	ConnectTimeout    duration `yaml:"connect_timeout"`    // 250ms
	Answer            int      `yaml:"answer"`             // bytes of production's; 25 MiB
	InFlight          int      `yaml:"in_flight"`          // requests under way per instance; 1024

	// Of shadows.
	ShadowTimeout duration `yaml:"shadow_timeout"` // 60s
	ShadowBody    int      `yaml:"shadow_body"`    // bytes of a request that is still copied; 25 MiB
	ShadowAnswer  int      `yaml:"shadow_answer"`  // bytes; 25 MiB
	MirrorQueue   int      `yaml:"mirror_queue"`   // copies waiting; 1024
	MirrorWorkers int      `yaml:"mirror_workers"` // copies under way; 64
	MirrorMemory  int64    `yaml:"mirror_memory"`  // bytes; 256 MiB
	BreakerFaults int      `yaml:"breaker_faults"` // in a row; 20
	BreakerPause  duration `yaml:"breaker_pause"`  // 1s

	// Of comparing.
	CompareMemory int64 `yaml:"compare_memory"` // bytes; 32 MiB
	CompareAnswer int   `yaml:"compare_answer"` // bytes of each answer; 1 MiB

	// Of capturing.
	CaptureFlush    *duration `yaml:"capture_flush"`     // 200ms; 0s: every record at once
	CaptureMemory   int64     `yaml:"capture_memory"`    // bytes; 64 MiB
	CaptureFileAge  duration  `yaml:"capture_file_age"`  // 1m
	CaptureFileSize int64     `yaml:"capture_file_size"` // bytes; 16 MiB
	CaptureSpool    int64     `yaml:"capture_spool"`     // bytes; 4 GiB
}

// capture returns what capturing is held to.
func (l limitsConfig) capture() capture.Options {
	o := capture.Options{
		Memory: l.CaptureMemory, FileAge: time.Duration(l.CaptureFileAge), FileSize: l.CaptureFileSize, SpoolSize: l.CaptureSpool,
	}
	if l.CaptureFlush != nil {
		if o.Flush = time.Duration(*l.CaptureFlush); o.Flush == 0 {
			o.Flush = -1 // every record at once
		}
	}
	return o
}

func (l limitsConfig) check() error {
	for name, n := range map[string]int64{
		"loops": int64(l.Loops), "connections": int64(l.Connections), "header": int64(l.Header), "body": int64(l.Body),
		"body_budget": l.BodyBudget, "answer": int64(l.Answer), "in_flight": int64(l.InFlight), "shadow_body": int64(l.ShadowBody),
		"shadow_answer": int64(l.ShadowAnswer), "mirror_queue": int64(l.MirrorQueue), "mirror_workers": int64(l.MirrorWorkers),
		"mirror_memory": l.MirrorMemory, "breaker_faults": int64(l.BreakerFaults),
		"compare_memory": l.CompareMemory, "compare_answer": int64(l.CompareAnswer),
		"capture_memory": l.CaptureMemory, "capture_file_size": l.CaptureFileSize, "capture_spool": l.CaptureSpool,
	} {
		if n < 0 {
			return fmt.Errorf("limits.%s is %d; it cannot be negative", name, n)
		}
	}
	return nil
}

// router returns what the router is held to.
func (l limitsConfig) router() router.Options {
	return router.Options{
		InvocationTimeout: time.Duration(l.InvocationTimeout), StreamTimeout: time.Duration(l.StreamTimeout),
		ConnectTimeout: time.Duration(l.ConnectTimeout), MaxAnswer: l.Answer, MaxInFlight: l.InFlight,
		ShadowTimeout: time.Duration(l.ShadowTimeout), MaxShadowBody: l.ShadowBody, MaxShadowAnswer: l.ShadowAnswer,
		MirrorQueue: l.MirrorQueue, MirrorWorkers: l.MirrorWorkers, MirrorMemory: l.MirrorMemory,
		BreakerFaults: l.BreakerFaults, BreakerPause: time.Duration(l.BreakerPause), KeptMemory: l.CaptureMemory,
		MaxCompared: l.CompareAnswer,
	}
}

// front returns what the listener is held to.
func (l limitsConfig) front() front.Options {
	return front.Options{
		MaxHeader: l.Header, MaxRuntimeBody: l.Body, BodyBudget: l.BodyBudget, MaxConnections: l.Connections,
		HeaderTimeout: time.Duration(l.HeaderTimeout), BodyTimeout: time.Duration(l.BodyTimeout), IdleTimeout: time.Duration(l.IdleTimeout),
		WriteTimeout: time.Duration(l.WriteTimeout), DrainTimeout: time.Duration(l.DrainTimeout),
	}
}

// A duration is written as in Go, such as 10m or 1h30m, and in days, such as 63d.
type duration time.Duration

func (d *duration) UnmarshalYAML(n *yaml.Node) error {
	text, unit := n.Value, time.Duration(1)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		text, unit = days+"h", 24
	}
	v, err := time.ParseDuration(text)
	if err != nil || v < 0 || v > math.MaxInt64/unit {
		return fmt.Errorf("line %d: %q is not a duration such as 10m, 1h30m or 63d", n.Line, n.Value)
	}
	*d = duration(v * unit)
	return nil
}

// A configFlags are the flags that every sub-command has which needs the configuration. They override the file.
type configFlags struct {
	Config  string `help:"Configuration file (YAML)." type:"existingfile" env:"GNOMON_CONFIG"`
	Listen  string `help:"Address and port to listen on (127.0.0.1:8080)." env:"GNOMON_LISTEN"`
	DataDir string `help:"Where everything is kept (./gnomon-data)." env:"GNOMON_DATA_DIR"`
	Auth    string `help:"Whether requests must be signed: sigv4 or off. Off is possible on loopback only." enum:",sigv4,off" default:"" placeholder:"sigv4" env:"GNOMON_AUTH"`
}

// load reads and completes the configuration.
func (f configFlags) load() (*config, error) {
	c, err := f.read()
	if err != nil {
		return nil, err
	}
	return c, c.complete()
}

// loadBeside is load for a command beside the server. What its own configuration does not say is as the server has said last.
func (f configFlags) loadBeside() (*config, error) {
	c, err := f.read()
	if err != nil {
		return nil, err
	}
	var s said
	switch b, err := os.ReadFile(c.saidPath()); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("data directory: %w", err)
	default:
		if err := json.Unmarshal(b, &s); err != nil {
			return nil, fmt.Errorf("%s: %w", c.saidPath(), err)
		}
	}
	c.Partition, c.Region, c.Account = cmp.Or(c.Partition, s.Partition), cmp.Or(c.Region, s.Region), cmp.Or(c.Account, s.Account)
	if len(c.Roles) == 0 {
		c.told = s.Role
	}
	return c, c.complete()
}

// A said is what a server leaves in its data directory for commands beside it.
type said struct{ Partition, Region, Account, Role string }

// read reads the configuration file and the flags.
func (f configFlags) read() (*config, error) {
	c := &config{}
	if f.Config != "" {
		b, err := os.ReadFile(f.Config)
		if err != nil {
			return nil, fmt.Errorf("read configuration: %w", err)
		}
		d := yaml.NewDecoder(bytes.NewReader(b))
		d.KnownFields(true)
		if err := d.Decode(c); err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read configuration %s: %w", f.Config, err)
		}
		c.path = f.Config
	}
	c.Listen = cmp.Or(f.Listen, c.Listen, "127.0.0.1:8080")
	c.DataDir = cmp.Or(f.DataDir, c.DataDir, "gnomon-data")
	c.Auth = cmp.Or(f.Auth, c.Auth, "sigv4")
	return c, nil
}

// complete fills in the defaults and checks what has become of it.
func (c *config) complete() error {
	c.Metrics = cmp.Or(c.Metrics, "signed")
	c.Partition = cmp.Or(c.Partition, "aws")
	c.Region = cmp.Or(c.Region, "us-east-1")
	c.Account = cmp.Or(c.Account, "000000000000")
	c.Host = cmp.Or(c.Host, "process")
	c.InstanceSize = cmp.Or(c.InstanceSize, "lenient")
	def := func(d **duration, to time.Duration) {
		if *d == nil { // 0 says something
			*d = new(duration(to))
		}
	}
	def(&c.StartLead, 10*time.Minute)
	def(&c.StopGrace, 30*time.Second)
	if c.Nice == nil {
		c.Nice = new(-10)
	}
	if err := c.check(); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	dir, err := filepath.Abs(c.DataDir)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	c.DataDir = dir
	return nil
}

var (
	accountPattern = regexp.MustCompile(`^[0-9]{12}$`)
	regionPattern  = regexp.MustCompile(`^[a-z0-9-]+$`)
	namePattern    = regexp.MustCompile(`^[a-zA-Z_0-9+=,.@\-_/]+$`)
)

func (c *config) check() error {
	oneOf := func(name, value string, valid ...string) error {
		if !slices.Contains(valid, value) {
			return fmt.Errorf("%s is %q; it can be %s", name, value, strings.Join(valid, " or "))
		}
		return nil
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("listen is %q; it must be an address and a port such as 127.0.0.1:8080: %w", c.Listen, err)
	}
	err = errors.Join(
		oneOf("auth", c.Auth, "sigv4", "off"),
		oneOf("metrics", c.Metrics, "signed", "open", "off"),
		oneOf("host", c.Host, "process"),
		oneOf("instance_size", c.InstanceSize, "lenient", "strict"),
		c.checkNice(),
		c.Limits.check(),
		c.checkNames(),
	)
	if ip := net.ParseIP(host); c.Auth == "off" && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		err = errors.Join(err, fmt.Errorf("auth is off and listen is %q: without signatures only a loopback address such as 127.0.0.1 may be listened on", c.Listen))
	}
	return err
}

func (c *config) checkNice() error {
	if n := *c.Nice; n < -20 || n > 0 {
		return fmt.Errorf("nice is %d; it can be -20, which is far before the models, to 0, which is beside them", n)
	}
	return nil
}

func (c *config) checkNames() error {
	if !accountPattern.MatchString(c.Account) {
		return fmt.Errorf("account is %q; it must have twelve digits, and in YAML stand in quotes", c.Account)
	}
	if !regionPattern.MatchString(c.Partition) { // regions and partitions are spelled alike
		return fmt.Errorf("partition is %q; it must be like aws or aws-cn", c.Partition)
	}
	if !regionPattern.MatchString(c.Region) {
		return fmt.Errorf("region is %q; it must be like us-east-1", c.Region)
	}
	for name, n := range c.Quotas {
		if n < 0 {
			return fmt.Errorf("quotas has %d for %q; a number of instances cannot be negative", n, name)
		}
		if _, ok := gnomon.InstanceType(name).Machine(); !ok && name != "default" {
			return fmt.Errorf("quotas names %q, which is neither an instance type nor default", name)
		}
	}
	for name, powers := range c.Roles {
		if !strings.HasPrefix(name, "arn:") && !namePattern.MatchString(name) {
			return fmt.Errorf("roles names %q, which is neither a role's name nor its ARN", name)
		}
		for _, p := range powers {
			if !slices.Contains(gnomon.Powers(), p) {
				return fmt.Errorf("role %q has the power %q; powers are %q", name, p, gnomon.Powers())
			}
		}
	}
	for i, image := range c.Images {
		if image.Name == "" || len(image.Command) == 0 {
			return fmt.Errorf("images: entry %d needs a name and a command", i+1)
		}
	}
	return nil
}

// defaultRole is the name of the role that exists when none is configured. It has every power.
const defaultRole = "gnomon"

func (c *config) partition() gnomon.Partition {
	return gnomon.Partition{Name: c.Partition, Region: c.Region, Account: c.Account}
}

func (c *config) roles() []gnomon.Role {
	if len(c.Roles) == 0 {
		return []gnomon.Role{{ARN: c.partition().RoleARN(defaultRole), Powers: gnomon.Powers()}}
	}
	var all []gnomon.Role
	for name, powers := range c.Roles {
		if !strings.HasPrefix(name, "arn:") {
			name = c.partition().RoleARN(name)
		}
		all = append(all, gnomon.Role{ARN: name, Powers: powers})
	}
	slices.SortFunc(all, func(a, b gnomon.Role) int { return cmp.Compare(a.ARN, b.ARN) })
	return all
}

// role returns the role that clients beside the server are told of: the first that has every power, or just the first.
func (c *config) role() string {
	if c.told != "" {
		return c.told
	}
	all := c.roles()
	for _, r := range all {
		if len(r.Powers) == len(gnomon.Powers()) {
			return r.ARN
		}
	}
	return all[0].ARN
}

func (c *config) quotas() map[gnomon.InstanceType]int {
	all := make(map[gnomon.InstanceType]int)
	for name, n := range c.Quotas {
		if name == "default" {
			name = ""
		}
		all[gnomon.InstanceType(name)] = n
	}
	return all
}

// buckets returns the bucket table: a folder below the data directory, unless the configuration says otherwise.
func (c *config) buckets() map[string]string {
	dir := url.URL{Scheme: "file", Path: filepath.Join(c.DataDir, "objects")}
	all := map[string]string{"default": dir.String() + "/{bucket}"}
	for name, place := range c.Buckets {
		all[name] = place
	}
	return all
}

// keyring is the one in the data directory.
func (c *config) keyring() *keys.Ring {
	return keys.Open(filepath.Join(c.DataDir, "keyring.json"), fmt.Sprintf("arn:%s:kms:%s:%s:", c.Partition, c.Region, c.Account))
}

// keysPath is where the access keys are.
func (c *config) keysPath() string { return filepath.Join(c.DataDir, "access-keys.json") }

// saidPath is where the server has left what it is called.
func (c *config) saidPath() string { return filepath.Join(c.DataDir, "server.json") }

// urlPath is where a running server says how it is reached.
func (c *config) urlPath() string { return filepath.Join(c.DataDir, "url") }

// running returns where a server over the data directory is reached: where it says, or else where the configuration
// would have it.
func (c *config) running() string {
	if b, err := os.ReadFile(c.urlPath()); err == nil {
		return string(b)
	}
	return c.url()
}

// at returns where a server is reached: at base or, if that is empty, where the one over the data directory is.
func (c *config) at(base string) string {
	if base == "" {
		return c.running()
	}
	return strings.TrimRight(base, "/")
}

// url is where clients on this machine reach the server.
func (c *config) url() string {
	host, port, err := net.SplitHostPort(c.Listen)
	if ip := net.ParseIP(host); err != nil || host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}
