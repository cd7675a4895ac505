package testbed

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"gnomon/sigv4"
)

// A client asks one server, by signed requests.
type client struct {
	url    string
	role   string
	signer sigv4.Signer
}

// become makes it the client that "gnomon env" speaks of.
func (c *client) become(env map[string]string) {
	c.role = env["GNOMON_ROLE_ARN"]
	c.signer = sigv4.Signer{
		AccessKeyID: env["AWS_ACCESS_KEY_ID"], Key: sigv4.Key{Secret: env["AWS_SECRET_ACCESS_KEY"]},
		Region: env["AWS_REGION"], Service: "sagemaker",
	}
}

// environment reads what "gnomon env" prints.
func environment(out string) map[string]string {
	env := make(map[string]string)
	for line := range strings.Lines(out) {
		if name, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "="); ok {
			env[name] = value
		}
	}
	return env
}

// call is one operation of the control plane. Out may be nil.
func (c *client) call(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := c.request(http.MethodPost, "/", "application/x-amz-json-1.1", body)
	if err != nil {
		return err
	}
	r.Header.Set("X-Amz-Target", "SageMaker."+operation)
	if err := c.signer.Sign(r, body); err != nil {
		return err
	}
	answer, err := do(r.WithContext(ctx))
	if err == nil && out != nil {
		err = json.Unmarshal(answer, out)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	return nil
}

// get reads JSON. Out may be nil.
func (c *client) get(ctx context.Context, path string, out any) error {
	answer, err := c.read(ctx, path)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(answer, out)
}

func (c *client) read(ctx context.Context, path string) ([]byte, error) {
	r, err := c.sign(http.MethodGet, path, "", nil)
	if err != nil {
		return nil, err
	}
	return do(r.WithContext(ctx))
}

// sign makes a request that is signed for now.
func (c *client) sign(method, path, contentType string, body []byte) (*http.Request, error) {
	r, err := c.request(method, path, contentType, body)
	if err != nil {
		return nil, err
	}
	return r, c.signer.Sign(r, body)
}

func (c *client) request(method, path, contentType string, body []byte) (*http.Request, error) {
	r, err := http.NewRequest(method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r, nil
}

func do(r *http.Request) ([]byte, error) {
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", res.Status, bytes.TrimSpace(body))
	}
	return body, nil
}

const contentType = "application/json"

// Invocation is a request for a model as it goes over the wire. What is signed is good for five minutes.
func (g *Gnomon) Invocation(endpoint string, body []byte) ([]byte, error) {
	path := "/endpoints/" + endpoint + "/invocations"
	if !g.Signed {
		return Invocation(g.Address, path, body), nil
	}
	signed, err := g.sign(http.MethodPost, path, contentType, body)
	if err != nil {
		return nil, err
	}
	return Invocation(g.Address, path, body, "X-Amz-Date: "+signed.Header.Get("X-Amz-Date"), "Authorization: "+signed.Header.Get("Authorization")), nil
}

// Invocation is a request as it goes over the wire, with header fields added to those that all have.
func Invocation(address, path string, body []byte, fields ...string) []byte {
	fields = append([]string{
		"POST " + path + " HTTP/1.1", "Host: " + address, "Content-Type: " + contentType, "Accept: " + contentType, "User-Agent: bench",
		fmt.Sprintf("Content-Length: %d", len(body)),
	}, fields...)
	return append([]byte(strings.Join(fields, "\r\n")+"\r\n\r\n"), body...)
}
