package interop

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"testing"

	"github.com/ollama/ollama/api"
)

const scriptedModel = "m"

// scriptedClient speaks to a proxy whose backend answers what a test has written down for it.
func scriptedClient() *api.Client {
	return api.NewClient(&url.URL{Scheme: "http", Host: os.Getenv("SCRIPTED_HOST")}, http.DefaultClient)
}

// reply is what the backend answers; support/scripted-backend.ts has its members.
type reply = map[string]any

// script says what the backend answers from now on.
func script(t *testing.T, replies ...any) {
	t.Helper()
	if replies == nil {
		replies = []any{}
	}
	controlBackend(t, "/script", replies)
}

type receivedRequest struct {
	Path string
	Body struct {
		Messages           []struct{ Content any }
		Prompt             any
		Suffix             string
		Logprobs           any
		ResponseFormat     any            `json:"response_format"`
		ChatTemplateKwargs map[string]any `json:"chat_template_kwargs"`
	}
	Results []answeredCall
}

type answeredCall struct {
	Call      string
	Arguments map[string]any
	Result    string
}

// received tells what the backend was asked since.
func received(t *testing.T) []receivedRequest {
	t.Helper()
	var requests []receivedRequest
	if err := json.Unmarshal(controlBackend(t, "/received", nil), &requests); err != nil {
		t.Fatal(err)
	}
	return requests
}

func controlBackend(t *testing.T, path string, body any) []byte {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Post(os.Getenv("SCRIPTED_BACKEND")+path, "application/json", bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("the backend answered %s: %v", response.Status, err)
	}
	return answer
}
