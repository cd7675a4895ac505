package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"time"

	"gnomon/sigv4"
)

// A client asks one Gnomon, by signed requests.
type client struct {
	url    string
	role   string
	signer sigv4.Signer
}

// newClient waits until the server is ready.
func newClient(ctx context.Context, program, config, dir, address string) (*client, error) {
	c := &client{url: "http://" + address}
	if err := within(ctx, 20*time.Second, func() error { return c.get(ctx, "/readyz", nil) }); err != nil {
		return nil, fmt.Errorf("gnomon is not ready: %w", err)
	}
	out, err := exec.CommandContext(ctx, program, "env", "--config", config, "--data-dir", dir).Output()
	if err != nil {
		return nil, fmt.Errorf("gnomon env: %w", err)
	}
	env := environment(string(out))
	c.role = env["GNOMON_ROLE_ARN"]
	c.signer = sigv4.Signer{
		AccessKeyID: env["AWS_ACCESS_KEY_ID"], Key: sigv4.Key{Secret: env["AWS_SECRET_ACCESS_KEY"]},
		Region: env["AWS_REGION"], Service: "sagemaker",
	}
	return c, nil
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
	if err := do(r.WithContext(ctx), out); err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	return nil
}

// get reads JSON. Out may be nil.
func (c *client) get(ctx context.Context, path string, out any) error {
	r, err := c.sign(http.MethodGet, path, "", nil)
	if err != nil {
		return err
	}
	return do(r.WithContext(ctx), out)
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

func do(r *http.Request, out any) error {
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", res.Status, bytes.TrimSpace(body))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(body, out)
}
