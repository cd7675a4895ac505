package compare_test

import (
	"strings"
	"testing"

	"gnomon/compare"
)

const events = "text/event-stream"

// chat returns a stream as OpenAI's API and its like send it, one event for each piece.
func chat(pieces ...string) string {
	var b strings.Builder
	b.WriteString(`data: {"id":"` + pieces[0] + `","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}` + "\n\n")
	for _, s := range pieces {
		b.WriteString(`data: {"id":"x","choices":[{"index":0,"delta":{"content":"` + s + `"},"finish_reason":null}]}` + "\n\n")
	}
	b.WriteString(`data: {"id":"x","choices":[],"usage":{"total_tokens":7}}` + "\n\ndata: [DONE]\n\n")
	return b.String()
}

func TestCompare_Streams(t *testing.T) {
	const tgi = `data:{"token":{"id":1,"text":"a","special":false},"generated_text":null}` + "\n\n" + `data:{"token":{"id":2,"text":" b"},"generated_text":"a b"}` + "\n\n"
	const djl = `{"token": {"id": 3, "text": "a "}}` + "\n" + `{"token": {"id": 4, "text": "b"}, "generated_text": "a b"}` + "\n"
	run(t, []pairing{
		{nil, events, chat("Hel", "lo world"), chat("Hello", " wor", "ld"), "stream agrees"},
		{nil, events, chat("Hello world"), chat("Hello moon"), "stream differs: value Hello world|Hello moon"},
		{tags("answers text similarity=0.5"), events, chat("a b c d e"), chat("a b", " c d f"), "stream agrees"},
		{nil, events, tgi, chat("a b"), "stream agrees"},
		{nil, events, `event: content_block_delta` + "\n" + `data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"a b"}}` + "\n\n", chat("a b"), "stream agrees"},
		{nil, events, `data: {"choices":[{"index":1,"text":"y"},{"index":0,"text":"x"}]}` + "\n\n", `data: {"choices":[{"index":0,"text":"x"}]}` + "\n\n" + `data: {"choices":[{"index":1,"text":"y"}]}`, "stream agrees"},
		{nil, events, `data: {"choices":[{"delta":{"tool_calls":[{"function":{"name":"f","arguments":"{\"a\":"}}]}}]}` + "\n\n" + `data: {"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"1}"}}]}}]}` + "\n\n",
			`data: {"choices":[{"delta":{"tool_calls":[{"function":{"name":"f","arguments":"{\"a\":2}"}}]}}]}` + "\n\n", `stream differs: value f{"a":1}|f{"a":2}`},
		{nil, events, chat("a"), chat("a") + `data: {"error":{"message":"gone"}}` + "\n\n", `stream differs: value a|a{"message":"gone"}`},
		{nil, events, "data: {\"choices\":\ndata: [{\"text\":\"a\"}]}\n\n", chat("a"), "stream agrees"}, // over two lines
		{nil, events, chat("a"), "data: oops\n\n", "stream differs: type stream|not stream: data: oops"},
		{nil, events, "data: 1\n\n", "data:  1\n\n", "text agrees"},
		{nil, events, "data: 1\n\n", "data: 2\n\n", "text differs: value data: 1|data: 2"},
	})
	for _, c := range []struct{ kind, a, b, want string }{
		{"application/octet-stream", tgi, chat("a b"), "stream agrees"},
		{lines, djl, strings.Replace(djl, `"id": 4`, `"id": 5`, 1), "stream agrees"},
		{lines, "{\"a\":1}\n", "{\"a\":2}\n", "jsonlines differs: /-/a value 1|2 by 1, 0.5"},
		{js, "Once upon", "Once  upon", "text agrees"},
		{js, `{"a":1}`, `{"a":1.0}`, "json agrees"},
		{"", "Once upon", "Once  upon", "text agrees"},
		{"", "\xffa", "\xffb", "bytes differs: value at byte 1: 61|at byte 1: 62"},
	} {
		answer := func(s string) compare.Answer {
			return compare.Answer{ContentType: c.kind, Body: []byte(s), Streamed: true}
		}
		if got := describe(compare.New(answers(t)).Compare(answer(c.a), answer(c.b))); got != c.want {
			t.Errorf("%s %q, %q:\n got %s\nwant %s", c.kind, c.a, c.b, got, c.want)
		}
	}
}
