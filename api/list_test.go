package api_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// listed returns the names on a page and the token of the next one.
func listed(out map[string]any, member, name string) ([]string, string) {
	var names []string
	items, _ := out[member].([]any)
	for _, item := range items {
		names = append(names, at(item, name).(string))
	}
	token, _ := out["NextToken"].(string)
	return names, token
}

func (s *stage) wantModels(in string, want ...string) string {
	s.Helper()
	got, token := listed(s.do("ListModels", in), "Models", "ModelName")
	if !slices.Equal(got, want) {
		s.Errorf("ListModels %s: got %q, want %q", in, got, want)
	}
	return token
}

func TestList_OrdersAndFilters(t *testing.T) {
	onStage(t, func(s *stage) {
		from := unix(0)
		for _, name := range []string{"b-one", "C-one", "a-two"} {
			s.wait(time.Second)
			s.model(name)
		}
		for _, c := range []struct {
			in   string
			want []string
		}{
			{`{}`, []string{"a-two", "C-one", "b-one"}},
			{`{"SortBy": "CreationTime", "SortOrder": "Descending"}`, []string{"a-two", "C-one", "b-one"}},
			{`{"SortOrder": "Ascending"}`, []string{"b-one", "C-one", "a-two"}},
			{`{"SortBy": "Name", "SortOrder": "Ascending"}`, []string{"C-one", "a-two", "b-one"}},
			{`{"SortBy": "Name"}`, []string{"b-one", "a-two", "C-one"}},
			{`{"NameContains": "c-o"}`, []string{"C-one"}},
			{`{"CreationTimeAfter": ` + text(from+1) + `}`, []string{"a-two", "C-one"}},
			{`{"CreationTimeBefore": ` + text(from+2) + `}`, []string{"b-one"}},
			{`{"CreationTimeAfter": ` + text(from+1) + `, "CreationTimeBefore": ` + text(from+3) + `}`, []string{"C-one"}},
		} {
			if token := s.wantModels(c.in, c.want...); token != "" {
				s.Errorf("ListModels %s: got a NextToken after the last page", c.in)
			}
		}
	})
}

func TestList_HoldsTen(t *testing.T) {
	onStage(t, func(s *stage) {
		for i := range 11 {
			s.model(fmt.Sprintf("m%02d", i))
		}
		token := s.wantModels(`{"SortBy": "Name", "SortOrder": "Ascending"}`, "m00", "m01", "m02", "m03", "m04", "m05", "m06", "m07", "m08", "m09")
		s.wantModels(`{"SortBy": "Name", "SortOrder": "Ascending", "NextToken": "`+token+`", "MaxResults": 3}`, "m10")
	})
}

func TestList_PagesStayTrueWhileResourcesComeAndGo(t *testing.T) {
	onStage(t, func(s *stage) {
		for i := range 6 {
			s.wait(time.Second)
			s.model(fmt.Sprintf("m%d", i))
		}
		token := s.wantModels(`{"MaxResults": 2}`, "m5", "m4")
		s.wait(time.Second)
		s.model("m6")
		s.do("DeleteModel", `{"ModelName": "m4"}`)
		token = s.wantModels(`{"MaxResults": 2, "NextToken": "`+token+`"}`, "m3", "m2")
		s.do("DeleteModel", `{"ModelName": "m1"}`)
		if token = s.wantModels(`{"MaxResults": 2, "NextToken": "`+token+`"}`, "m0"); token != "" {
			s.Error("got a NextToken after the last page")
		}
	})
}

func TestList_RefusesForeignTokens(t *testing.T) {
	const unknown = "Invalid NextToken: it is not one that this operation has returned. Leave it out to begin with the first page."
	const other = "Invalid NextToken: it belongs to a list with another SortBy, SortOrder or other filters. Repeat those of the request that returned it, or leave it out."
	onStage(t, func(s *stage) {
		s.model("m")
		s.model("n")
		for _, name := range []string{"c", "d"} {
			s.do("CreateEndpointConfig", `{"EndpointConfigName": "`+name+`", "ProductionVariants": [`+variant("v", "m", 1, "")+`]}`)
		}
		_, token := listed(s.do("ListModels", `{"MaxResults": 1}`), "Models", "ModelName")
		inner, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			s.Fatal(err)
		}
		forged := func(from, to string) string {
			return base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(inner), from, to, 1)))
		}
		for _, c := range []struct{ operation, members, token, message string }{
			{"ListModels", `, "NameContains": "m"`, token, other},
			{"ListModels", `, "SortBy": "Name"`, token, other},
			{"ListModels", `, "SortOrder": "Ascending"`, token, other},
			{"ListModels", `, "CreationTimeAfter": 1`, token, other},
			{"ListEndpointConfigs", ``, token, other},
			{"ListModels", ``, "", unknown},
			{"ListModels", ``, "nonsense", unknown},
			{"ListModels", ``, token + "=", unknown},
			{"ListModels", ``, forged(`"v":1`, `"v":2`), unknown},
			{"ListModels", ``, forged(`}`, `,"x":1}`), unknown},
			{"ListModels", ``, forged(`}`, `}{}`), unknown},
		} {
			s.refuses(c.operation, `{"NextToken": "`+c.token+`"`+c.members+`}`, "ValidationException", c.message)
		}
	})
}

func TestListEndpointConfigs_Summarizes(t *testing.T) {
	onStage(t, func(s *stage) {
		s.serve()
		got := s.do("ListEndpointConfigs", `{"NameContains": "c", "CreationTimeAfter": `+text(unix(-time.Minute))+`, "CreationTimeBefore": `+text(unix(0))+`, "SortBy": "Name", "SortOrder": "Ascending"}`)
		s.wants(got, []any{decoded(t, `{"EndpointConfigName": "c", "EndpointConfigArn": "`+arns+`endpoint-config/c", "CreationTime": 946684800}`)}, "EndpointConfigs")
		s.do("DeleteEndpointConfig", `{"EndpointConfigName": "c"}`)
		s.wants(s.do("ListEndpointConfigs", `{}`), []any{}, "EndpointConfigs")
	})
}

func TestListEndpoints_OrdersAndFilters(t *testing.T) {
	onStage(t, func(s *stage) {
		s.serve()
		served := unix(0)
		s.wait(time.Second)
		s.do("CreateEndpoint", `{"EndpointName": "d", "EndpointConfigName": "c"}`)
		for _, c := range []struct {
			in   string
			want []string
		}{
			{`{}`, []string{"d", "e"}},
			{`{"SortBy": "Status", "SortOrder": "Descending"}`, []string{"e", "d"}},
			{`{"SortBy": "Name", "SortOrder": "Ascending"}`, []string{"d", "e"}},
			{`{"StatusEquals": "Creating"}`, []string{"d"}},
			{`{"StatusEquals": "OutOfService"}`, nil},
			{`{"NameContains": "E"}`, []string{"e"}},
			{`{"CreationTimeAfter": ` + text(served) + `}`, []string{"d"}},
			{`{"CreationTimeBefore": ` + text(served) + `}`, []string{"e"}},
			{`{"LastModifiedTimeAfter": ` + text(served) + `}`, []string{"d"}},
			{`{"LastModifiedTimeBefore": ` + text(served) + `}`, []string{"e"}},
		} {
			got, _ := listed(s.do("ListEndpoints", c.in), "Endpoints", "EndpointName")
			if !slices.Equal(got, c.want) {
				s.Errorf("ListEndpoints %s: got %q, want %q", c.in, got, c.want)
			}
		}
		_, token := listed(s.do("ListEndpoints", `{"MaxResults": 1}`), "Endpoints", "EndpointName")
		s.wants(s.do("ListEndpoints", `{"NextToken": "`+token+`"}`), arns+"endpoint/e", "Endpoints", 0, "EndpointArn")
	})
}

func TestListInferenceExperiments_OrdersAndFilters(t *testing.T) {
	onStage(t, func(s *stage) {
		s.serve()
		made := unix(0)
		start := unix(time.Hour)
		s.do("CreateInferenceExperiment", test(`, "Description": "d", "Schedule": {"StartTime": `+text(start)+`, "EndTime": `+text(start+60)+`}`))
		s.wait(time.Second)
		s.do("CreateInferenceExperiment", strings.Replace(test(`, "Schedule": {"StartTime": `+text(start+120)+`}`), `"Name": "x"`, `"Name": "a"`, 1))
		s.settle()
		s.do("StopInferenceExperiment", `{"Name": "a", "ModelVariantActions": {"shadow": "Remove"}, "Reason": "r"}`)
		s.settle()
		for _, c := range []struct {
			in   string
			want []string
		}{
			{`{"Type": "ShadowMode"}`, []string{"a", "x"}},
			{`{"SortBy": "CreationTime", "SortOrder": "Ascending"}`, []string{"x", "a"}},
			{`{"SortBy": "Name", "SortOrder": "Ascending"}`, []string{"a", "x"}},
			{`{"SortBy": "Status", "SortOrder": "Descending"}`, []string{"x", "a"}},
			{`{"StatusEquals": "Created"}`, []string{"x"}},
			{`{"NameContains": "a"}`, []string{"a"}},
			{`{"CreationTimeAfter": ` + text(made) + `}`, []string{"a"}},
			{`{"CreationTimeBefore": ` + text(made+1) + `}`, []string{"x"}},
			{`{"LastModifiedTimeAfter": ` + text(made+2) + `}`, []string{"a"}},
			{`{"LastModifiedTimeBefore": ` + text(made+2) + `}`, []string{"x"}},
		} {
			got, _ := listed(s.do("ListInferenceExperiments", c.in), "InferenceExperiments", "Name")
			if !slices.Equal(got, c.want) {
				s.Errorf("ListInferenceExperiments %s: got %q, want %q", c.in, got, c.want)
			}
		}
		_, token := listed(s.do("ListInferenceExperiments", `{"MaxResults": 1}`), "InferenceExperiments", "Name")
		s.wants(s.do("ListInferenceExperiments", `{"NextToken": "`+token+`"}`), decoded(t, `{"Name": "x", "Type": "ShadowMode", "Status": "Created", "Description": "d", "RoleArn": "`+role+`",
			"Schedule": {"StartTime": `+text(start)+`, "EndTime": `+text(start+60)+`}, "CreationTime": `+text(made)+`, "LastModifiedTime": `+text(made)+`}`), "InferenceExperiments", 0)
		ended := s.do("ListInferenceExperiments", `{"StatusEquals": "Cancelled"}`)
		s.wants(ended, "r", "InferenceExperiments", 0, "StatusReason")
		if at(ended, "InferenceExperiments", 0, "CompletionTime") == nil {
			s.Error("no CompletionTime, want one now that it is final")
		}
	})
}
