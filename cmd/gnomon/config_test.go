package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gnomon"
	"gnomon/access"
)

func load(t *testing.T, text string, flags configFlags) (*config, error) {
	t.Helper()
	flags.Config = filepath.Join(t.TempDir(), "gnomon.yaml")
	if err := os.WriteFile(flags.Config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return flags.load()
}

func TestConfig_Refuses(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"UnknownMember":     {"region: eu-west-1\nregoin: x\n", "line 2"},
		"UnknownInside":     {"images:\n  - name: a\n    comand: [x]\n", "line 3"},
		"NotYAML":           {"region: x\na: b: c\n", "line 2"},
		"WrongType":         {"images: 3\n", "line 1"},
		"BadDuration":       {"\nstart_lead: soon\n", "line 2"},
		"NegativeDuration":  {"start_lead: -5m\n", "line 1"},
		"BadAuth":           {"auth: none\n", "sigv4 or off"},
		"BadHost":           {"host: docker\n", "process"},
		"BadListen":         {"listen: here\n", "127.0.0.1:8080"},
		"BadAccount":        {"account: 12\n", "twelve digits"},
		"BadPartition":      {"partition: a b\n", "aws-cn"},
		"BadQuota":          {"quotas: {ml.huge: 1}\n", "ml.huge"},
		"NegativeQuota":     {"quotas: {ml.m5.large: -1}\n", "ml.m5.large"},
		"Nice":              {"nice: 5\n", "-20"},
		"TooNice":           {"nice: -21\n", "-20"},
		"NegativeLimit":     {"limits: {mirror_queue: -1}\n", "mirror_queue"},
		"BadPower":          {"roles: {a: [everything]}\n", "everything"},
		"BadRole":           {"roles: {'a b': []}\n", "a b"},
		"ImageWithout":      {"images: [{name: a}]\n", "entry 1"},
		"AuthOffInTheOpen":  {"auth: off\nlisten: 0.0.0.0:80\n", "loopback"},
		"AuthOffEverywhere": {"auth: off\nlisten: ':80'\n", "loopback"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := load(t, c.text, configFlags{}); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want it to say %q", err, c.says)
			}
		})
	}
}

func TestConfig_FlagsGoFirst(t *testing.T) {
	c, err := load(t, "listen: 127.0.0.1:1\nauth: off\nretention: {minutes: 2d, hours: 36h}\nroles: {reader: [artifacts, images]}\nquotas: {default: 3, ml.m5.large: 0}\n",
		configFlags{Listen: "127.0.0.1:2", Auth: "sigv4"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:2" || c.Auth != "sigv4" || c.Region != "us-east-1" || !filepath.IsAbs(c.DataDir) {
		t.Errorf("%+v", c)
	}
	if time.Duration(c.Retention.Minutes) != 48*time.Hour || time.Duration(c.Retention.Hours) != 36*time.Hour {
		t.Errorf("retention %+v", c.Retention)
	}
	if r := c.roles(); len(r) != 1 || r[0].ARN != "arn:aws:iam::000000000000:role/reader" || r[0].May(gnomon.ChangeEndpoints) {
		t.Errorf("roles %+v", r)
	}
	if q := c.quotas(); len(q) != 2 || q[""] != 3 {
		t.Errorf("quotas %v", q)
	}
}

// TestConfig_Beside has a command beside a server know what that is called, without its configuration.
func TestConfig_Beside(t *testing.T) {
	dir := t.TempDir()
	server, err := load(t, "region: eu-west-1\naccount: \"123456789012\"\nroles: {shadows: [artifacts, images, endpoints, captures]}\n", configFlags{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := writeSaid(server); err != nil {
		t.Fatal(err)
	}
	c, err := configFlags{DataDir: dir}.loadBeside()
	if err != nil {
		t.Fatal(err)
	}
	if c.Region != "eu-west-1" || c.Account != "123456789012" || c.Partition != "aws" || c.role() != "arn:aws:iam::123456789012:role/shadows" {
		t.Errorf("%s %s %s %s", c.Partition, c.Region, c.Account, c.role())
	}
	if c, err = (configFlags{DataDir: dir}).load(); err != nil || c.Region != "us-east-1" {
		t.Errorf("a server takes over %s from the one before, %v", c.Region, err)
	}
}

// TestConfig_Zero has durations of which 0 says something.
func TestConfig_Zero(t *testing.T) {
	for text, want := range map[string][2]time.Duration{
		"":                                 {10 * time.Minute, 30 * time.Second},
		"start_lead: 0s\nstop_grace: 0s\n": {},
	} {
		c, err := load(t, text, configFlags{})
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]time.Duration{time.Duration(*c.StartLead), time.Duration(*c.StopGrace)}; got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestConfig_URL(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:80": "http://127.0.0.1:80", "0.0.0.0:80": "http://127.0.0.1:80", ":80": "http://127.0.0.1:80", "[::1]:80": "http://[::1]:80", "host:80": "http://host:80",
	} {
		if got := (&config{Listen: listen}).url(); got != want {
			t.Errorf("%s: %s, want %s", listen, got, want)
		}
	}
}

func TestWithSection(t *testing.T) {
	lines := []string{"a = 1"}
	for name, c := range map[string]struct{ before, after string }{
		"Empty":    {"", "[s]\na = 1\n"},
		"Appended": {"[x]\nb = 2\n", "[x]\nb = 2\n\n[s]\na = 1\n"},
		"Replaced": {"[s]\nold = 1\n  deep = 2\n[x]\nb = 2\n", "[x]\nb = 2\n\n[s]\na = 1\n"},
		"Spaces":   {"# mine\n[ s ]\nold = 1\n", "# mine\n\n[s]\na = 1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got := withSection(c.before, "s", lines)
			if got != c.after {
				t.Errorf("got %q, want %q", got, c.after)
			}
			if again := withSection(got, "s", lines); again != got {
				t.Errorf("a second time: %q", again)
			}
		})
	}
}

func TestEnvironment_LeavesOtherServicesAlone(t *testing.T) {
	c, err := load(t, "", configFlags{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(environment(c, access.Key{AccessKeyID: "id", SecretAccessKey: "secret"}), "\n") + "\n"
	for _, want := range []string{"AWS_REGION=us-east-1\n", "AWS_DEFAULT_REGION=us-east-1\n", "AWS_ENDPOINT_URL_SAGEMAKER=http://127.0.0.1:8080\n", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME=", "AWS_ENDPOINT_URL_CLOUDWATCH=http://127.0.0.1:8080\n", "GNOMON_ROLE_ARN=arn:aws:iam::000000000000:role/gnomon\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "AWS_ENDPOINT_URL=") || strings.Contains(text, "_S3") {
		t.Errorf("services that are not here are sent here:\n%s", text)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWriteProfile(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "credentials"))
	c, err := load(t, "", configFlags{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := writeProfile(c, access.Key{AccessKeyID: "id", SecretAccessKey: "secret"}, "g"); err != nil {
			t.Fatal(err)
		}
	}
	config, err := os.ReadFile(filepath.Join(dir, "config"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(config), "[profile g]"); n != 1 || !strings.Contains(string(config), "[services gnomon-g]\nsagemaker =\n  endpoint_url = http://127.0.0.1:8080\n") {
		t.Errorf("config:\n%s", config)
	}
	for path, text := range map[string]string{"config": "[profile theirs]\nregion = x\n", "credentials": "[old]\naws_secret_access_key = x\n"} {
		if err := os.WriteFile(filepath.Join(dir, path), append([]byte(text), read(t, filepath.Join(dir, path))...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"theirs", "old"} {
		err := writeProfile(c, access.Key{AccessKeyID: "id", SecretAccessKey: "secret"}, name)
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(read(t, filepath.Join(dir, "credentials")), "aws_secret_access_key = x\n") {
			t.Errorf("somebody's profile %s: %v", name, err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "credentials"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("credentials: %v, %v", info, err)
	}
}
