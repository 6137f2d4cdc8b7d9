package interop

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ollama/ollama/api"
)

const noManifest = "pull model manifest: file does not exist"

var timMessages = []api.Message{
	{Role: "user", Content: "Who made you?"},
	{Role: "assistant", Content: "Ann did."},
}

// timRequest makes a model called tim of the backend's.
func timRequest() *api.CreateRequest {
	return &api.CreateRequest{
		Model:      "tim",
		From:       scriptedModel,
		System:     "You are Tim.",
		Parameters: map[string]any{"temperature": 0.5, "num_predict": 16, "stop": []string{"END", "THE END"}},
		Messages:   timMessages,
		License:    []string{"Free for all.", "Second licence."},
	}
}

// newLibrary answers a client of a server where nobody has made a model.
func newLibrary(t *testing.T) *api.Client {
	t.Helper()
	client := scriptedClient()
	for _, name := range listedNames(t, client) {
		if name != scriptedModel+":latest" {
			if err := client.Delete(t.Context(), &api.DeleteRequest{Model: name}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return client
}

func listedNames(t *testing.T, client *api.Client) []string {
	t.Helper()
	list, err := client.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, model := range list.Models {
		names = append(names, model.Name)
	}
	return names
}

func expectNames(t *testing.T, client *api.Client, want ...string) {
	t.Helper()
	if names := listedNames(t, client); !slices.Equal(names, want) {
		t.Errorf("listed are %v, want %v", names, want)
	}
}

func create(t *testing.T, client *api.Client, request *api.CreateRequest) []string {
	t.Helper()
	var statuses []string
	err := client.Create(t.Context(), request, func(progress api.ProgressResponse) error {
		statuses = append(statuses, progress.Status)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return statuses
}

func ignoreProgress(api.ProgressResponse) error { return nil }

func TestCreateTellsWhatItDoes(t *testing.T) {
	client := newLibrary(t)
	statuses := create(t, client, timRequest())
	end := len(statuses) - 2
	if end < 1 || !slices.Equal(statuses[end:], []string{"writing manifest", "success"}) {
		t.Errorf("got the statuses %q", statuses)
	}
	for _, status := range statuses[:max(end, 0)] {
		if !strings.Contains(status, " layer sha256:") {
			t.Errorf("got the status %q", status)
		}
	}
	expectNames(t, client, "tim:latest", scriptedModel+":latest")
}

func TestCreateInOnePiece(t *testing.T) {
	client := newLibrary(t)
	request := timRequest()
	request.Stream = new(bool)
	if statuses := create(t, client, request); !slices.Equal(statuses, []string{"success"}) {
		t.Errorf("got the statuses %q", statuses)
	}
}

func TestCreateBringsItsWordsIntoAChat(t *testing.T) {
	client := newLibrary(t)
	create(t, client, timRequest())
	script(t, reply{"text": "Tim."})
	responses := chatBy(t, client, &api.ChatRequest{Model: "tim", Messages: userMessage("Who are you?")})
	expect(t, "model", responses[0].Model, "tim")

	requests := received(t)
	if len(requests) != 1 {
		t.Fatalf("the backend was asked %d times", len(requests))
	}
	var contents []any
	for _, message := range requests[0].Body.Messages {
		contents = append(contents, message.Content)
	}
	want := []any{"You are Tim.", "Who made you?", "Ann did.", "Who are you?"}
	if !reflect.DeepEqual(contents, want) {
		t.Errorf("the backend was sent %q, want %q", contents, want)
	}
}

func TestCreateFromAnUnknownModel(t *testing.T) {
	client := newLibrary(t)
	for way, stream := range ways {
		request := &api.CreateRequest{Model: "x", From: "nope", Stream: &stream}
		err := client.Create(t.Context(), request, ignoreProgress)
		if err == nil || !strings.Contains(err.Error(), noManifest) {
			t.Errorf("%s: got %v", way, err)
		}
	}
	expectNames(t, client, scriptedModel+":latest")
}

func TestCreateWithABadName(t *testing.T) {
	request := timRequest()
	request.Model = "../x"
	err := newLibrary(t).Create(t.Context(), request, ignoreProgress)
	expectStatusError(t, err, http.StatusBadRequest, "invalid model name")
}

func TestShowOfACreatedModel(t *testing.T) {
	client := newLibrary(t)
	request := timRequest()
	request.Template = "{{ .System }} {{ .Prompt }}"
	create(t, client, request)
	shown, err := client.Show(t.Context(), &api.ShowRequest{Model: "tim"})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "system", shown.System, request.System)
	expect(t, "template", shown.Template, request.Template)
	expect(t, "license", shown.License, "Free for all.\nSecond licence.")
	expect(t, "parent", shown.Details.ParentModel, scriptedModel+":latest")
	if !reflect.DeepEqual(shown.Messages, timMessages) {
		t.Errorf("got the messages %v", shown.Messages)
	}
	if age := time.Since(shown.ModifiedAt); age < 0 || age > time.Minute {
		t.Errorf("it is %v old", age)
	}
	if !slices.Contains(shown.Capabilities, "completion") || len(shown.ModelInfo) == 0 {
		t.Errorf("a field is empty: %+v", shown)
	}
}

func TestCopy(t *testing.T) {
	client := newLibrary(t)
	create(t, client, timRequest())
	err := client.Copy(t.Context(), &api.CopyRequest{Source: "tim", Destination: "tam:v2"})
	if err != nil {
		t.Fatal(err)
	}
	expectNames(t, client, "tam:v2", "tim:latest", scriptedModel+":latest")
	err = client.Copy(t.Context(), &api.CopyRequest{Source: "nope", Destination: "x"})
	expectStatusError(t, err, http.StatusNotFound, `model "nope" not found`)
}

func TestDelete(t *testing.T) {
	client := newLibrary(t)
	create(t, client, timRequest())
	remove := func(name string) error {
		return client.Delete(t.Context(), &api.DeleteRequest{Model: name})
	}
	if err := remove("tim"); err != nil {
		t.Fatal(err)
	}
	expectStatusError(t, remove("tim"), http.StatusNotFound, "model 'tim' not found")
	var refused api.StatusError
	if err := remove(scriptedModel); !errors.As(err, &refused) || refused.StatusCode != http.StatusForbidden {
		t.Errorf("got %v", err)
	}
	expectNames(t, client, scriptedModel+":latest")
}

func TestListRunningOfACreatedModel(t *testing.T) {
	client := newLibrary(t)
	create(t, client, timRequest())
	load := func(keepAlive time.Duration) {
		request := &api.GenerateRequest{Model: "tim", KeepAlive: &api.Duration{Duration: keepAlive}}
		ignore := func(api.GenerateResponse) error { return nil }
		if err := client.Generate(t.Context(), request, ignore); err != nil {
			t.Fatal(err)
		}
	}
	running := func() []string {
		list, err := client.ListRunning(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, model := range list.Models {
			names = append(names, model.Name)
		}
		return names
	}
	load(time.Hour)
	if names := running(); !slices.Contains(names, "tim:latest") {
		t.Errorf("running are %v", names)
	}
	load(0)
	if names := running(); slices.Contains(names, "tim:latest") {
		t.Errorf("running are %v", names)
	}
}

func TestPull(t *testing.T) {
	client := scriptedClient()
	for way, stream := range ways {
		var last string
		request := &api.PullRequest{Model: scriptedModel, Stream: &stream}
		err := client.Pull(t.Context(), request, func(progress api.ProgressResponse) error {
			last = progress.Status
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", way, err)
		}
		expect(t, way, last, "success")

		err = client.Pull(t.Context(), &api.PullRequest{Model: "nope", Stream: &stream}, ignoreProgress)
		if err == nil || !strings.Contains(err.Error(), noManifest) {
			t.Errorf("%s: got %v", way, err)
		}
	}
}

func TestPush(t *testing.T) {
	for way, stream := range ways {
		for _, name := range []string{scriptedModel, "nope"} {
			request := &api.PushRequest{Model: name, Stream: &stream}
			if err := scriptedClient().Push(t.Context(), request, ignoreProgress); err == nil {
				t.Errorf("%s: %s was pushed", way, name)
			}
		}
	}
}

func TestBlobs(t *testing.T) {
	client := scriptedClient()
	content := strings.Repeat("hello", 100_000)
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(content)))
	for range 2 {
		if err := client.CreateBlob(t.Context(), digest, strings.NewReader(content)); err != nil {
			t.Fatal(err)
		}
	}
	expectBlob(t, client, digest, true)

	unknown := "sha256:" + strings.Repeat("0", 64)
	expectBlob(t, client, unknown, false)
	err := client.CreateBlob(t.Context(), unknown, strings.NewReader(content))
	expectStatusError(t, err, http.StatusBadRequest,
		fmt.Sprintf("digest mismatch, expected %q, got %q", unknown, digest))
	expectBlob(t, client, unknown, false)
}

func expectBlob(t *testing.T, client *api.Client, digest string, want bool) {
	t.Helper()
	isThere, err := client.HeadBlob(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "blob", isThere, want)
}

func TestEmbedWithACreatedModel(t *testing.T) {
	client := newLibrary(t)
	create(t, client, timRequest())
	script(t)
	answer, err := client.Embed(t.Context(), &api.EmbedRequest{Model: "tim", Input: []string{"one", "two"}})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "model", answer.Model, "tim")
	expect(t, "number of vectors", len(answer.Embeddings), 2)
	legacy, err := client.Embeddings(t.Context(), &api.EmbeddingRequest{Model: "tim", Prompt: "one"})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "length of the vector", len(legacy.Embedding), len(answer.Embeddings[0]))
}

// What belongs to Ollama's cloud, which is not here.
func TestCloud(t *testing.T) {
	client := scriptedClient()
	status, err := client.CloudStatusExperimental(t.Context())
	if err != nil || !status.Cloud.Disabled {
		t.Errorf("got %+v, %v", status, err)
	}
	var unauthorized api.AuthorizationError
	if _, err := client.Whoami(t.Context()); !errors.As(err, &unauthorized) {
		t.Errorf("whoami: got %v", err)
	}
	if err := client.Signout(t.Context()); !errors.As(err, &unauthorized) {
		t.Errorf("signout: got %v", err)
	}
	var refused api.StatusError
	if _, err := client.WebSearchExperimental(t.Context(), &api.WebSearchRequest{Query: "x"}); !errors.As(err, &refused) {
		t.Errorf("web search: got %v", err)
	}
	recommended, err := client.ModelRecommendationsExperimental(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	listed := listedNames(t, client)
	for _, model := range recommended.Recommendations {
		if !slices.Contains(listed, model.Model) {
			t.Errorf("%s is recommended and not there", model.Model)
		}
	}
}
