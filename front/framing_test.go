package front

import (
	"bufio"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// FuzzCheckFraming holds checkFraming to its purpose: two servers must agree on what it lets pass.
func FuzzCheckFraming(f *testing.F) {
	for _, seed := range []string{
		"Host: a\r\n\r\n",
		"host:a\r\nContent-Length: 12\r\n\r\n",
		"Host: a\r\nTransfer-Encoding: Chunked\r\nX-A:\tb \r\n\r\n",
		"Host: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"Host: a\r\nContent-Length: 18446744073709551617\r\n\r\n",
		"Host: a\r\nX: b\r\n c\r\n\r\n",
		"Host: a\nX: b\r\n\r\n",
		"Host: a\r\nConnection: close, Content-Length\r\nExpect: 100-continue\r\nTrailer: X\r\n\r\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, block string) {
		if end := strings.Index(block, "\n\r\n"); end >= 0 {
			block = block[:end+3]
		}
		if checkFraming([]byte(block)) != nil {
			return
		}
		raw := "POST /x HTTP/1.1\r\n" + block
		var fast fasthttp.RequestHeader
		fastErr := fast.Read(bufio.NewReader(strings.NewReader(raw)))
		std, stdErr := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
		if fastErr != nil || stdErr != nil {
			return // refused by one is served by none
		}
		if string(fast.RawHeaders()) != block {
			t.Fatalf("the block ends elsewhere: %q", fast.RawHeaders())
		}
		length := int64(max(fast.ContentLength(), -1))
		if fast.ContentLength() == -2 {
			length = 0
		}
		if std.ContentLength != length {
			t.Errorf("lengths differ: %d, %d", std.ContentLength, length)
		}
		if chunked := fast.ContentLength() == -1; chunked != slices.Equal(std.TransferEncoding, []string{"chunked"}) {
			t.Errorf("codings differ: %v, %v", std.TransferEncoding, chunked)
		}
		if std.Host != string(fast.Host()) {
			t.Errorf("hosts differ: %q, %q", std.Host, fast.Host())
		}
	})
}

func TestNewID_IsAUUID(t *testing.T) {
	var a, b [36]byte
	newID(&a)
	newID(&b)
	if a == b || a[14] != '4' || !strings.ContainsRune("89ab", rune(a[19])) {
		t.Errorf("%s, %s", a, b)
	}
}
