package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"gnomon/access"
	"gnomon/sigv4"
)

// ask gets a path of the running server, with the access key in the data directory. The server is at base or, if that is
// empty, where the one over the data directory says. The caller closes what it returns.
func (f configFlags) ask(ctx context.Context, base, path string) (io.ReadCloser, error) {
	c, err := f.loadBeside()
	if err != nil {
		return nil, err
	}
	keys, err := access.Load(c.keysPath())
	if err != nil {
		return nil, fmt.Errorf("%w; the server is asked with the access key in the data directory", err)
	}
	base = c.at(base)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
	if err != nil {
		return nil, err
	}
	key := keys.First()
	signer := sigv4.Signer{AccessKeyID: key.AccessKeyID, Key: sigv4.Key{Secret: key.SecretAccessKey}, Region: c.Region, Service: signingService}
	if err := signer.Sign(req, nil); err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode == http.StatusOK {
		return res.Body, nil
	}
	defer res.Body.Close()
	return nil, refusal(res, base, key.AccessKeyID)
}

// refusal is the error of an answer that is none.
func refusal(res *http.Response, base, keyID string) error {
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	var refused struct {
		Type    string `json:"__type"`
		Message string
	}
	if err := json.Unmarshal(body, &refused); err != nil || refused.Type == "" {
		return fmt.Errorf("the server answered %s", res.Status)
	}
	if refused.Type == sigv4.UnrecognizedClient {
		return fmt.Errorf("%s: the server at %s does not know the access key %s: has it another data directory?", refused.Type, base, keyID)
	}
	return fmt.Errorf("%s: %s", refused.Type, refused.Message)
}
