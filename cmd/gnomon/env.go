package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gnomon/access"
)

// An envCommand tells other programs of this machine how to reach the server.
type envCommand struct {
	configFlags
	Profile string `help:"Write an AWS profile of this name instead of printing." placeholder:"NAME"`
}

// endpointServices are the services whose endpoint the server is, in the names of AWS's variables. Others, such as s3
// and sts, keep their own.
var endpointServices = []string{"sagemaker", "sagemaker_runtime", "cloudwatch"}

// Run prints shell lines, or writes the profile.
func (e *envCommand) Run() error {
	c, err := e.loadBeside()
	if err != nil {
		return err
	}
	keys, err := access.Load(c.keysPath())
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no access key in %s yet: start \"gnomon serve\" with the same data directory first", c.DataDir)
	}
	if err != nil {
		return err
	}
	if e.Profile != "" {
		return writeProfile(c, keys.First(), e.Profile)
	}
	fmt.Println("unset AWS_SESSION_TOKEN AWS_PROFILE")
	for _, v := range environment(c, keys.First()) {
		fmt.Println("export " + v)
	}
	return nil
}

// environment returns NAME=value lines.
func environment(c *config, key access.Key) []string {
	lines := []string{
		"AWS_ACCESS_KEY_ID=" + key.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY=" + key.SecretAccessKey,
		"AWS_REGION=" + c.Region,
		"AWS_DEFAULT_REGION=" + c.Region,
	}
	for _, s := range endpointServices {
		lines = append(lines, "AWS_ENDPOINT_URL_"+strings.ToUpper(s)+"="+c.running())
	}
	return append(lines, "GNOMON_URL="+c.running(), "GNOMON_ROLE_ARN="+c.role())
}

// writeProfile writes a profile into AWS's two files, in the places where AWS's own tools look for them.
func writeProfile(c *config, key access.Key, name string) error {
	home, err := os.UserHomeDir()
	if err != nil {
		return fmt.Errorf("write profile: %w", err)
	}
	configPath := cmp.Or(os.Getenv("AWS_CONFIG_FILE"), filepath.Join(home, ".aws", "config"))
	secretPath := cmp.Or(os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), filepath.Join(home, ".aws", "credentials"))
	services := []string{}
	for _, s := range endpointServices {
		services = append(services, s+" =", "  endpoint_url = "+c.running())
	}
	section := "profile " + name
	if name == "default" {
		section = name
	}
	if err := checkProfile(configPath, section, secretPath, name); err != nil {
		return fmt.Errorf("write profile: %w", err)
	}
	for _, s := range []struct {
		path, section string
		lines         []string
	}{ // the first says that the profile is ours
		{configPath, section, []string{"region = " + c.Region, "services = gnomon-" + name}},
		{configPath, "services gnomon-" + name, services},
		{secretPath, name, []string{"aws_access_key_id = " + key.AccessKeyID, "aws_secret_access_key = " + key.SecretAccessKey}},
	} {
		if err := setSection(s.path, s.section, s.lines); err != nil {
			return fmt.Errorf("write profile: %w", err)
		}
	}
	fmt.Printf("Profile %q is written to %s and %s.\nClients older than 2023 do not know per-service endpoints in profiles; give them --endpoint-url %s.\n", name, configPath, secretPath, c.running())
	return nil
}

// checkProfile refuses a profile of that name that was not written by an earlier call: it may be the only place of its keys.
func checkProfile(configPath, section, secretPath, name string) error {
	settings, there, err := readSection(configPath, section)
	if err != nil {
		return err
	}
	if there {
		if slices.Contains(settings, "services = gnomon-"+name) {
			return nil
		}
		return fmt.Errorf("%s has a profile %q of somebody else's; choose another name", configPath, name)
	}
	if _, there, err = readSection(secretPath, name); there && err == nil {
		return fmt.Errorf("%s has a profile %q of somebody else's; choose another name", secretPath, name)
	}
	return err
}

// readSection returns the lines of a section of an INI file, and whether it is there.
func readSection(path, name string) (lines []string, there bool, err error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, false, err
	}
	inside := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "["):
			inside = headOf(line) == name
			there = there || inside
		case inside:
			lines = append(lines, line)
		}
	}
	return lines, there, nil
}

// headOf is the name of the section that a line begins.
func headOf(line string) string { return strings.TrimSpace(strings.Trim(line, "[]")) }

// setSection replaces one section of an INI file, or appends it, and leaves every other line as it is.
func setSection(path, name string, lines []string) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // the link stays
	}
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	temp := path + ".gnomon"
	if err := os.WriteFile(temp, []byte(withSection(string(old), name, lines)), 0o600); err != nil {
		return err
	}
	return os.Rename(temp, path)
}

func withSection(text, name string, lines []string) string {
	var kept []string
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if trimmed := strings.TrimSpace(line); strings.HasPrefix(trimmed, "[") {
			inside = headOf(trimmed) == name
		}
		if !inside {
			kept = append(kept, line)
		}
	}
	for len(kept) > 0 && strings.TrimSpace(kept[len(kept)-1]) == "" {
		kept = kept[:len(kept)-1]
	}
	if len(kept) > 0 {
		kept = append(kept, "")
	}
	kept = append(kept, "["+name+"]")
	return strings.Join(append(kept, lines...), "\n") + "\n"
}
