package process

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gnomon"
	"gnomon/host"
)

// An Image says which command takes the place of a container image.
type Image struct {
	// Name is the image's name as given to CreateModel. A * stands for any number of any characters.
	Name string
	// Command is the program and its arguments. In them, {port} stands for the port to listen on, {model_dir} for the
	// folder of the model's artifacts, {sources_dir} for that of the additional sources, by channel, and {endpoint} and
	// {variant} for the names. A program with a slash is relative to Dir; one without is looked up in PATH.
	Command []string
	// Env is the server's environment, under the model's own.
	Env map[string]string
	// Dir is the working directory; empty: the model's folder, and Gnomon's own for finding the program.
	Dir string
}

// defaultPath is for a Gnomon that has no PATH itself.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

var placeholders = []string{"{port}", "{model_dir}", "{sources_dir}", "{endpoint}", "{variant}"}

func (i Image) check() error {
	if i.Name == "" || len(i.Command) == 0 || i.Command[0] == "" {
		return fmt.Errorf("image %q: needs a name and a command", i.Name)
	}
	for _, arg := range i.Command {
		for _, p := range placeholder.FindAllString(arg, -1) {
			if !slices.Contains(placeholders, p) {
				return fmt.Errorf("image %q: %s in the command is none of %s", i.Name, p, strings.Join(placeholders, " "))
			}
		}
	}
	return nil
}

// CheckImage returns an error that says what to configure if nothing runs the image.
func (d *Driver) CheckImage(name string) error {
	if !slices.ContainsFunc(d.opts.Images, func(i Image) bool { return matches(i.Name, name) }) {
		return errors.New(unknownImage(name))
	}
	return nil
}

func unknownImage(name string) string {
	return fmt.Sprintf("No command is configured for image %q: name it, or a pattern with * that fits it, under images in the configuration.", name)
}

// findImage returns the first image whose name fits.
func findImage(all []Image, name string) (Image, error) {
	for _, i := range all {
		if matches(i.Name, name) {
			return i, nil
		}
	}
	return Image{}, host.Fail(gnomon.FailedImage, "%s", unknownImage(name))
}

// matches reports whether name fits the pattern, in which * stands for any characters.
func matches(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(name) < len(first)+len(last) || !strings.HasPrefix(name, first) || !strings.HasSuffix(name, last) {
		return false
	}
	name = name[len(first) : len(name)-len(last)]
	for _, p := range parts[1 : len(parts)-1] {
		_, rest, ok := strings.Cut(name, p)
		if !ok {
			return false
		}
		name = rest
	}
	return true
}

// program returns the absolute path of the image's program.
func (i Image) program() (string, error) {
	name := i.Command[0]
	if strings.Contains(name, "/") && !filepath.IsAbs(name) {
		name = filepath.Join(i.Dir, name)
	}
	path, err := exec.LookPath(name)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return "", host.Fail(gnomon.FailedImage, "The command of image %q does not start: %v.", i.Name, err)
	}
	return path, nil
}

// arguments returns the command with its placeholders filled in.
func (i Image) arguments(program string, s host.Spec, f folders, port string) []string {
	fill := strings.NewReplacer("{port}", port, "{model_dir}", f.model(), "{sources_dir}", f.sources(),
		"{endpoint}", string(s.Endpoint), "{variant}", string(s.Variant))
	args := []string{program}
	for _, a := range i.Command[1:] {
		args = append(args, fill.Replace(a))
	}
	return args
}

// environment returns all a server is given: nothing of Gnomon's but PATH.
func (i Image) environment(c gnomon.Container, f folders, port, mark string) []string {
	path := os.Getenv("PATH")
	if path == "" {
		path = defaultPath
	}
	env := map[string]string{"PATH": path, "HOME": f.home(), "TMPDIR": f.temp(), "LANG": "C.UTF-8"}
	maps.Copy(env, i.Env)
	maps.Copy(env, c.Environment)
	env["SAGEMAKER_BIND_TO_PORT"] = port
	env[markName] = mark
	var all []string
	for _, k := range slices.Sorted(maps.Keys(env)) {
		all = append(all, k+"="+env[k])
	}
	return all
}
