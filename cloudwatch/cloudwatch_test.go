package cloudwatch

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
)

// A stub notes what it is asked and answers what a test says.
type stub struct {
	asked any
	data  *GetMetricDataOutput
	stats *GetMetricStatisticsOutput
	list  *ListMetricsOutput
	err   error
	panic any
}

func (s *stub) GetMetricData(_ context.Context, in *GetMetricDataInput) (*GetMetricDataOutput, error) {
	s.asked = in
	return s.data, s.err
}

func (s *stub) GetMetricStatistics(_ context.Context, in *GetMetricStatisticsInput) (*GetMetricStatisticsOutput, error) {
	s.asked = in
	return s.stats, s.err
}

func (s *stub) ListMetrics(_ context.Context, in *ListMetricsInput) (*ListMetricsOutput, error) {
	s.asked = in
	if s.panic != nil {
		panic(s.panic)
	}
	return s.list, s.err
}

// These are requests as clients send them: the AWS CLI 2.9 and boto3 1.26 (query), aws-sdk-go-v2 1.75 (CBOR, with maps of
// unknown length), and AWS JSON 1.0.
const (
	dataForm = "Action=GetMetricData&Version=2010-08-01" +
		"&MetricDataQueries.member.1.Id=a&MetricDataQueries.member.1.MetricStat.Metric.Namespace=AWS%2FSageMaker" +
		"&MetricDataQueries.member.1.MetricStat.Metric.MetricName=Invocations" +
		"&MetricDataQueries.member.1.MetricStat.Metric.Dimensions.member.1.Name=EndpointName" +
		"&MetricDataQueries.member.1.MetricStat.Metric.Dimensions.member.1.Value=digits" +
		"&MetricDataQueries.member.1.MetricStat.Period=60&MetricDataQueries.member.1.MetricStat.Stat=p99" +
		"&MetricDataQueries.member.1.ReturnData=false&MetricDataQueries.member.2.Id=b&MetricDataQueries.member.2.Expression=a%2B1" +
		"&StartTime=2026-11-28T08%3A00%3A00Z&EndTime=2026-11-28T09%3A00%3A00.5Z&ScanBy=TimestampAscending&MaxDatapoints=10"
	dataJSON = `{"MetricDataQueries":[{"Id":"a","MetricStat":{"Metric":{"Namespace":"AWS/SageMaker","MetricName":"Invocations",` +
		`"Dimensions":[{"Name":"EndpointName","Value":"digits"}]},"Period":60,"Stat":"p99","Unit":null},"ReturnData":false},` +
		`{"Id":"b","Expression":"a+1"}],"StartTime":1795852800,"EndTime":1795856400.5,"ScanBy":"TimestampAscending","MaxDatapoints":10,"New":[1]}`
)

// dataCBOR is dataJSON as the SDK for Go writes it.
func dataCBOR(t testing.TB) []byte {
	t.Helper()
	var tree map[string]any
	if err := json.Unmarshal([]byte(dataJSON), &tree); err != nil {
		t.Fatal(err)
	}
	for name, seconds := range map[string]any{"StartTime": uint64(1795852800), "EndTime": 1795856400.5} {
		tree[name] = cbor.Tag{Number: 1, Content: seconds}
	}
	tree["MaxDatapoints"] = uint64(10)
	b, err := cbor.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func wantData() *GetMetricDataInput {
	return &GetMetricDataInput{
		MetricDataQueries: []MetricDataQuery{
			{ID: "a", ReturnData: new(false), MetricStat: &MetricStat{Period: 60, Stat: "p99", Metric: Metric{
				Namespace: "AWS/SageMaker", MetricName: "Invocations", Dimensions: []Dimension{{"EndpointName", "digits"}},
			}}},
			{ID: "b", Expression: "a+1"},
		},
		StartTime: time.Date(2026, 11, 28, 8, 0, 0, 0, time.UTC), EndTime: time.Date(2026, 11, 28, 9, 0, 0, 5e8, time.UTC),
		ScanBy: Ascending, MaxDatapoints: new(10),
	}
}

// request returns one of a protocol.
func request(protocol, operation string, body []byte) *http.Request {
	path := "/"
	if protocol == "cbor" {
		path = "/service/GraniteServiceVersion20100801/operation/" + operation
	}
	r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
	switch protocol {
	case "query":
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	case "json":
		r.Header.Set("Content-Type", "application/x-amz-json-1.0")
		r.Header.Set("X-Amz-Target", "GraniteServiceVersion20100801."+operation)
	case "cbor":
		r.Header.Set("Content-Type", "application/cbor")
		r.Header.Set("Smithy-Protocol", "rpc-v2-cbor")
	}
	return r
}

func serve(h Handler, r *http.Request) (*http.Response, string) {
	w := httptest.NewRecorder()
	w.Header().Set("X-Amzn-Requestid", "4711")
	NewServer(h, Options{MaxBody: 1 << 20}).ServeHTTP(w, r)
	return w.Result(), w.Body.String()
}

func bodies(t testing.TB) map[string][]byte {
	return map[string][]byte{"query": []byte(dataForm), "json": []byte(dataJSON), "cbor": dataCBOR(t)}
}

func TestServer_UnderstandsTheSameInAllProtocols(t *testing.T) {
	for protocol, body := range bodies(t) {
		r := request(protocol, "GetMetricData", body)
		if !Accepts(r) {
			t.Errorf("%s: not accepted", protocol)
		}
		s := &stub{data: &GetMetricDataOutput{}}
		if res, body := serve(s, r); res.StatusCode != http.StatusOK {
			t.Errorf("%s: %s\n%s", protocol, res.Status, body)
		}
		if diff := cmp.Diff(any(wantData()), s.asked); diff != "" {
			t.Errorf("%s (-want +got):\n%s", protocol, diff)
		}
	}
}

func TestServer_UnderstandsOtherInputs(t *testing.T) {
	at := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	for body, want := range map[string]any{
		"Action=GetMetricStatistics&Version=2010-08-01&Namespace=x&MetricName=y&Period=60&StartTime=2026-11-28&EndTime=2026-11-28T02:00:00%2B01:00" +
			"&Statistics.member.1=Sum&Statistics.member.3=Average&Dimensions=&Unit=Count/Second": &GetMetricStatisticsInput{
			Namespace: "x", MetricName: "y", Period: 60, StartTime: at, EndTime: at.Add(time.Hour), Statistics: []string{"Sum", "Average"},
			Dimensions: []Dimension{}, Unit: "Count/Second",
		},
		"Action=ListMetrics&Version=2010-08-01&Dimensions.member.1.Name=a&Dimensions.member.2.Name=b&Dimensions.member.2.Value=c&IncludeLinkedAccounts=true": &ListMetricsInput{
			Dimensions: []DimensionFilter{{Name: "a"}, {"b", new("c")}}, IncludeLinkedAccounts: new(true),
		},
		"Action=ListMetrics&Version=2010-08-01": &ListMetricsInput{},
	} {
		s := &stub{stats: &GetMetricStatisticsOutput{}, list: &ListMetricsOutput{}}
		if res, answer := serve(s, request("query", "", []byte(body))); res.StatusCode != http.StatusOK {
			t.Errorf("%s: %s\n%s", body, res.Status, answer)
		}
		if diff := cmp.Diff(want, s.asked); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
	}
	s := &stub{list: &ListMetricsOutput{}}
	if res, body := serve(s, request("cbor", "ListMetrics", nil)); res.StatusCode != http.StatusOK {
		t.Errorf("without a body: %s %q", res.Status, body)
	}
}

func TestServer_AnswersInTheProtocolOfTheRequest(t *testing.T) {
	at := time.Date(2026, 11, 28, 8, 0, 0, 0, time.UTC)
	s := &stub{data: &GetMetricDataOutput{MetricDataResults: []MetricDataResult{
		{ID: "a", Label: "<x & y>", StatusCode: Complete, Timestamps: []time.Time{at}, Values: []float64{1234567.5}}, {ID: "b", StatusCode: Complete},
	}}}
	want := map[string]struct{ contentType, body string }{
		"query": {"text/xml", `<GetMetricDataResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/"><GetMetricDataResult><MetricDataResults>` +
			`<member><Id>a</Id><Label>&lt;x &amp; y&gt;</Label><Timestamps><member>2026-11-28T08:00:00Z</member></Timestamps>` +
			`<Values><member>1234567.5</member></Values><StatusCode>Complete</StatusCode></member>` +
			`<member><Id>b</Id><Timestamps></Timestamps><Values></Values><StatusCode>Complete</StatusCode></member></MetricDataResults>` +
			`<Messages></Messages></GetMetricDataResult><ResponseMetadata><RequestId>4711</RequestId></ResponseMetadata></GetMetricDataResponse>` + "\n"},
		"json": {"application/x-amz-json-1.0", `{"Messages":[],"MetricDataResults":[{"Id":"a","Label":"\u003cx \u0026 y\u003e","StatusCode":"Complete","Timestamps":[1795852800],` +
			`"Values":[1234567.5]},{"Id":"b","StatusCode":"Complete","Timestamps":[],"Values":[]}]}`},
		"cbor": {"application/cbor", "\xa2\x68Messages\x80\x71MetricDataResults\x82\xa5\x62Id\x61a\x65Label\x67<x & y>\x66Values\x81\xfb\x41\x32\xd6\x87\x80\x00\x00\x00" +
			"\x6aStatusCode\x68Complete\x6aTimestamps\x81\xc1\x1a\x6b\x0a\x8a\x00" + "\xa4\x62Id\x61b\x66Values\x80\x6aStatusCode\x68Complete\x6aTimestamps\x80"},
	}
	for protocol, body := range bodies(t) {
		res, got := serve(s, request(protocol, "GetMetricData", body))
		if w := want[protocol]; got != w.body || res.Header.Get("Content-Type") != w.contentType {
			t.Errorf("%s: %s\n%q, want\n%q", protocol, res.Header.Get("Content-Type"), got, w.body)
		}
		if p := res.Header.Get("Smithy-Protocol"); (p == "rpc-v2-cbor") != (protocol == "cbor") {
			t.Errorf("%s: Smithy-Protocol %q", protocol, p)
		}
	}
	stats := &stub{stats: &GetMetricStatisticsOutput{Label: "y", Datapoints: []Datapoint{
		{Timestamp: at, Sum: new(0.0), Unit: "None", ExtendedStatistics: map[string]float64{"p99": 2, "p50": 1}},
	}}}
	_, got := serve(stats, request("query", "", []byte("Action=GetMetricStatistics&Version=2010-08-01&Namespace=x&MetricName=y&Period=60&StartTime=2026-11-28&EndTime=2026-11-29")))
	const datapoint = `<member><Timestamp>2026-11-28T08:00:00Z</Timestamp><Sum>0</Sum><Unit>None</Unit><ExtendedStatistics>` +
		`<entry><key>p50</key><value>1</value></entry><entry><key>p99</key><value>2</value></entry></ExtendedStatistics></member>`
	if !strings.Contains(got, datapoint) {
		t.Errorf("%s\nwant in it\n%s", got, datapoint)
	}
}

func TestServer_Refuses(t *testing.T) {
	const window = "&StartTime=2026-11-28&EndTime=2026-11-29"
	stats := "Action=GetMetricStatistics&Version=2010-08-01&Namespace=x&MetricName=y&Period=60" + window
	for name, c := range map[string]struct{ protocol, operation, body, code, text string }{
		"Version":        {"query", "", "Action=ListMetrics&Version=2009-05-15", "InvalidAction", "served is 2010-08-01"},
		"NoVersion":      {"query", "", "Action=ListMetrics", "InvalidAction", "served is 2010-08-01"},
		"NoAction":       {"query", "", "Version=2010-08-01", "InvalidAction", "Action is required"},
		"Operation":      {"query", "", "Action=PutMetricData&Version=2010-08-01", "InvalidAction", "Could not find operation PutMetricData for version 2010-08-01; served are GetMetricData, GetMetricStatistics, ListMetrics"},
		"OperationFirst": {"json", "PutMetricData", "\x1f\x8b", "InvalidAction", "PutMetricData"},
		"Missing":        {"query", "", "Action=GetMetricStatistics&Version=2010-08-01&MetricName=y", "MissingParameter", "The parameter Namespace is required.\nThe parameter StartTime is required.\nThe parameter EndTime is required.\nThe parameter Period is required."},
		"MissingOfData":  {"query", "", "Action=GetMetricData&Version=2010-08-01&MetricDataQueries.member.1.Label=x" + window, "ValidationError", "The parameter MetricDataQueries.member.1.Id is required."},
		"Both":           {"query", "", "Action=GetMetricStatistics&Version=2010-08-01&Namespace=:x&MetricName=y&Period=0" + window, "InvalidParameterValue", "The value :x for parameter Namespace is not matching the expected pattern ^[^:].*.\nThe parameter Period must be greater than or equal to 1."},
		"Set":            {"query", "", stats + "&Statistics.member.1=Median", "InvalidParameterValue", "The parameter Statistics.member.1 must be a value in the set [ SampleCount, Average, Sum, Minimum, Maximum ]."},
		"Unit":           {"query", "", stats + "&Unit=Furlongs", "InvalidParameterValue", "The parameter Unit must be a value in the set [ Seconds"},
		"List":           {"query", "", stats + strings.Repeat("&Statistics.member.%=Sum", 6), "InvalidParameterValue", "The collection Statistics must not have a size greater than 5."},
		"EmptyList":      {"query", "", stats + "&Statistics=", "InvalidParameterValue", "The collection Statistics must have a size of at least 1."},
		"Short":          {"json", "ListMetrics", `{"Namespace":""}`, "InvalidParameterValue", "The parameter Namespace must have a length of at least 1."},
		"Long":           {"json", "ListMetrics", `{"MetricName":"` + strings.Repeat("ä", 256) + `"}`, "InvalidParameterValue", "length of at most 255"},
		"Id":             {"json", "GetMetricData", `{"MetricDataQueries":[{"Id":"A"}],"StartTime":1,"EndTime":2}`, "ValidationError", "The value A for parameter MetricDataQueries.member.1.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$."},
		"FormNumber":     {"query", "", strings.Replace(stats, "60", "1e2", 1), "InvalidParameterValue", "The value 1e2 for parameter Period is not an integer."},
		"FormTime":       {"query", "", strings.Replace(stats, "2026-11-28", "yesterday", 1), "InvalidParameterValue", "The value yesterday for parameter StartTime is not a timestamp."},
		"FormBool":       {"query", "", "Action=ListMetrics&Version=2010-08-01&IncludeLinkedAccounts=yes", "InvalidParameterValue", "The value yes for parameter IncludeLinkedAccounts is not true or false."},
		"FormTwice":      {"query", "", "Action=ListMetrics&Action=ListMetrics&Version=2010-08-01", "MalformedInput", "Action is given 2 times"},
		"FormInside":     {"query", "", "Action=ListMetrics&Version=2010-08-01&Dimensions=x&Dimensions.member.1.Name=y", "MalformedInput", "Dimensions"},
		"FormList":       {"query", "", "Action=ListMetrics&Version=2010-08-01&Dimensions.member.x.Name=y", "MalformedInput", "Dimensions.member.x has no number"},
		"FormNoList":     {"query", "", "Action=ListMetrics&Version=2010-08-01&Dimensions.1.Name=y", "MalformedInput", "Dimensions must be a list"},
		"FormDepth":      {"query", "", "Action=ListMetrics&Version=2010-08-01&" + strings.Repeat("a.", 20) + "=1", "MalformedInput", "nested too deeply"},
		"FormCount":      {"query", "", "Action=ListMetrics&Version=2010-08-01" + strings.Repeat("&a", maxParameters), "MalformedInput", "at most 40000"},
		"FormUTF8":       {"query", "", "Action=ListMetrics&Version=2010-08-01&Namespace=%ff", "MalformedInput", "not UTF-8"},
		"FormEscape":     {"query", "", "Action=ListMetrics&Version=2010-08-01&Namespace=%f", "MalformedInput", "no form"},
		"JSON":           {"json", "ListMetrics", `{"Namespace"`, "MalformedInput", "The body is no JSON"},
		"JSONBehind":     {"json", "ListMetrics", `{}{}`, "MalformedInput", "behind"},
		"JSONTwice":      {"json", "ListMetrics", `{"Namespace":"a","Namespace":"b"}`, "MalformedInput", "Namespace is given twice"},
		"JSONDepth":      {"json", "ListMetrics", strings.Repeat("[", 40), "MalformedInput", "nested too deeply"},
		"JSONList":       {"json", "ListMetrics", `[]`, "MalformedInput", "the input must be a structure"},
		"JSONType":       {"json", "ListMetrics", `{"Namespace":1}`, "MalformedInput", "Namespace must be a string"},
		"JSONNumber":     {"json", "GetMetricData", `{"MaxDatapoints":"10"}`, "MalformedInput", "MaxDatapoints must be an integer"},
		"JSONFraction":   {"json", "GetMetricData", `{"MaxDatapoints":10.5}`, "MalformedInput", "MaxDatapoints must be an integer"},
		"JSONHuge":       {"json", "GetMetricData", `{"MaxDatapoints":4294967296}`, "MalformedInput", "32 bits"},
		"JSONTime":       {"json", "GetMetricData", `{"StartTime":1e300}`, "MalformedInput", "StartTime must be a timestamp"},
		"JSONNull":       {"json", "ListMetrics", `{"Dimensions":[null]}`, "MalformedInput", "Dimensions.member.1 must be a value"},
		"CBOR":           {"cbor", "ListMetrics", "\xa1", "MalformedInput", "The body is no CBOR"},
		"CBORTwice":      {"cbor", "ListMetrics", "\xa2\x61a\x01\x61a\x02", "MalformedInput", "duplicate"},
		"CBORDepth":      {"cbor", "ListMetrics", strings.Repeat("\x81", 64) + "\x01", "MalformedInput", "exceeded max nested level"},
		"CBORTime":       {"cbor", "GetMetricData", "\xa1\x69StartTime\x1a\x6a\xf3\xfc\x00", "MalformedInput", "StartTime must be a timestamp"},
		"CBORFarTime":    {"cbor", "GetMetricData", "\xa1\x69StartTime\xc1\x1b\x00\x0f\xff\xff\xff\xff\xff\xff", "MalformedInput", "StartTime must be a timestamp"},
		"TooLarge":       {"json", "ListMetrics", strings.Repeat(" ", 1<<20+1), "RequestEntityTooLargeException", "1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			for strings.Contains(c.body, ".%=") { // number the elements
				c.body = strings.Replace(c.body, ".%=", "."+string(rune('0'+strings.Count(c.body, ".%=")))+"=", 1)
			}
			s := &stub{data: &GetMetricDataOutput{}, stats: &GetMetricStatisticsOutput{}, list: &ListMetricsOutput{}}
			res, body := serve(s, request(c.protocol, c.operation, []byte(c.body)))
			code, text := failed(t, c.protocol, body)
			if query, _, _ := strings.Cut(res.Header.Get("X-Amzn-Query-Error"), ";"); query != c.code || c.protocol == "query" && code != c.code {
				t.Errorf("code %s, in the header %s, want %s", code, query, c.code)
			}
			if !strings.Contains(text, c.text) || res.StatusCode/100 != 4 || s.asked != nil {
				t.Errorf("%d %q, want %q", res.StatusCode, text, c.text)
			}
		})
	}
}

// failed reads an error.
func failed(t *testing.T, protocol, body string) (code, message string) {
	t.Helper()
	var err error
	switch protocol {
	case "query":
		var e struct {
			XMLName xml.Name `xml:"http://monitoring.amazonaws.com/doc/2010-08-01/ ErrorResponse"`
			Error   struct{ Type, Code, Message string }
		}
		err = xml.Unmarshal([]byte(body), &e)
		return e.Error.Code, e.Error.Message
	case "json", "cbor":
		var e map[string]string
		if err = json.Unmarshal([]byte(body), &e); protocol == "cbor" {
			err = cbor.Unmarshal([]byte(body), &e)
		}
		code, message = strings.TrimPrefix(e["__type"], "com.amazonaws.cloudwatch#"), e["message"]+e["Message"]
	}
	if err != nil {
		t.Fatalf("%v: %q", err, body)
	}
	return code, message
}

func TestServer_KeepsFailuresToItself(t *testing.T) {
	for name, s := range map[string]*stub{"Error": {err: errors.New("secret")}, "Panic": {panic: "secret"}, "Nothing": {}} {
		for protocol, body := range map[string]string{"query": "Action=ListMetrics&Version=2010-08-01", "json": "{}", "cbor": ""} {
			res, answer := serve(s, request(protocol, "ListMetrics", []byte(body)))
			code, _ := failed(t, protocol, answer)
			if res.StatusCode != 500 || !strings.HasPrefix(code, "InternalService") || strings.Contains(answer, "secret") ||
				res.Header.Get("X-Amzn-Query-Error") != "InternalServiceError;Receiver" {
				t.Errorf("%s, %s: %s %q", name, protocol, res.Status, answer)
			}
		}
	}
}

func TestAccepts_OnlyCloudWatchsRequests(t *testing.T) {
	sagemaker := request("json", "", nil)
	sagemaker.Header.Set("Content-Type", "application/x-amz-json-1.1")
	sagemaker.Header.Set("X-Amz-Target", "SageMaker.ListModels")
	get := httptest.NewRequest(http.MethodGet, "/", nil)
	elsewhere := httptest.NewRequest(http.MethodPost, "/x", strings.NewReader("Action=ListMetrics"))
	elsewhere.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, r := range []*http.Request{sagemaker, get, elsewhere, httptest.NewRequest(http.MethodPost, "/", nil)} {
		if Accepts(r) {
			t.Errorf("accepts %s %s %v", r.Method, r.URL, r.Header)
		}
	}
	other := request("cbor", "ListMetrics", nil)
	other.URL.Path = "/service/Other/operation/ListMetrics"
	if res, body := serve(&stub{}, other); res.StatusCode != http.StatusNotFound || !strings.Contains(body, "UnknownOperationException") {
		t.Errorf("another service: %s %q", res.Status, body)
	}
}

func TestWriteError_NamesSignatureErrorsAsTheProtocolDoes(t *testing.T) {
	for protocol, want := range map[string]string{"query": "<Code>SignatureDoesNotMatch</Code>", "json": "#InvalidSignatureException", "cbor": "#InvalidSignatureException"} {
		w := httptest.NewRecorder()
		WriteError(w, request(protocol, "ListMetrics", nil), &Error{Code: "InvalidSignatureException", Status: http.StatusForbidden})
		if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), want) || w.Header().Get("X-Amzn-Query-Error") != "SignatureDoesNotMatch;Sender" {
			t.Errorf("%s: %d %v %q, want %s", protocol, w.Code, w.Header(), w.Body, want)
		}
	}
}

// fuzz wants of any body an answer that is the operation's or an error in the protocol's form, and of one that is
// understood the same input when it is written down again.
func fuzz(t *testing.T, protocol, operation string, body []byte) {
	s := &stub{data: &GetMetricDataOutput{}, stats: &GetMetricStatisticsOutput{}, list: &ListMetricsOutput{}}
	res, answer := serve(s, request(protocol, operation, body))
	switch {
	case res.StatusCode >= 500:
		t.Fatalf("%s: %q", res.Status, answer)
	case res.StatusCode >= 400:
		if code, _ := failed(t, protocol, answer); code == "" {
			t.Fatalf("no code: %q", answer)
		}
		return
	}
	again, err := awsJSON{}.answer("", "", s.asked)
	if err != nil {
		t.Fatal(err)
	}
	if protocol == "query" {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			t.Fatal(err)
		}
		operation = form.Get("Action")
	}
	// Answers have empty lists; of these inputs they are refused.
	clean := strings.NewReplacer(`"Statistics":[],`, "", `,"Statistics":[]`, "", `"ExtendedStatistics":[],`, "").Replace(string(again))
	if res, answer := serve(s, request("json", operation, []byte(clean))); res.StatusCode != http.StatusOK {
		if strings.Contains(answer, "is required") {
			return // answers leave out what is empty
		}
		t.Fatalf("understood %s, but %s is refused: %s", body, again, answer)
	}
	third, err := awsJSON{}.answer("", "", s.asked)
	if err != nil || !bytes.Equal(again, third) {
		t.Fatalf("%s is understood as %s, %v", again, third, err)
	}
}

func FuzzQuery(f *testing.F) {
	f.Add([]byte(dataForm))
	f.Add([]byte("Action=ListMetrics&Version=2010-08-01&Dimensions.member.1.Name=x"))
	f.Add([]byte("Action=GetMetricStatistics&Version=2010-08-01&Namespace=x&MetricName=y&Period=60&StartTime=2026-11-28&EndTime=2026-11-29&Statistics.member.1=Sum"))
	f.Fuzz(func(t *testing.T, body []byte) { fuzz(t, "query", "", body) })
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(dataJSON))
	f.Add([]byte(`{"MetricDataQueries":[],"StartTime":-1e9,"EndTime":253402300799,"LabelOptions":{"Timezone":"+0100"}}`))
	f.Fuzz(func(t *testing.T, body []byte) { fuzz(t, "json", "GetMetricData", body) })
}

func FuzzCBOR(f *testing.F) {
	f.Add(dataCBOR(f))
	f.Add([]byte("\xbf\x69StartTime\xc1\xfb\x41\xda\xbc\xff\x00\x00\x00\x00\x67EndTime\xc1\x1a\x6a\xf3\xfc\x00\xff"))
	f.Fuzz(func(t *testing.T, body []byte) { fuzz(t, "cbor", "GetMetricData", body) })
}
