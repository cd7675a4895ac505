package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAsk_SaysWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct{ body, says string }{
		"UnknownKey": {`{"__type":"UnrecognizedClientException","Message":"Invalid."}`, "does not know the access key id"},
		"Refused":    {`{"__type":"ResourceNotFound","Message":"No such experiment."}`, "ResourceNotFound: No such experiment."},
		"NoJSON":     {"<html>", "403 Forbidden"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusForbidden)
				io.WriteString(w, c.body)
			}))
			defer server.Close()
			res, err := http.Get(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if err := refusal(res, server.URL, "id"); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want it to say %q", err, c.says)
			}
		})
	}
}
