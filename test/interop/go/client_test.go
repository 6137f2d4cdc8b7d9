// Package interop calls the proxy with the Go client that Ollama's own command line is built on.
package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ollama/ollama/api"
)

const (
	model    = "smol"
	question = "Tell a short story."
	sum      = "What is 3 plus 4?"
)

var options = map[string]any{"temperature": 0, "num_predict": 60}

// newClient reads OLLAMA_HOST, as every program with this client does.
func newClient(t *testing.T) *api.Client {
	t.Helper()
	client, err := api.ClientFromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	return client
}

type backendMessage struct {
	Content   string            `json:"content"`
	Thinking  string            `json:"reasoning_content"`
	ToolCalls []backendToolCall `json:"tool_calls"`
}

type backendToolCall struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

// askBackend asks the backend itself: what it says is what must come through the proxy.
func askBackend(t *testing.T, fields map[string]any) backendMessage {
	t.Helper()
	body := map[string]any{"model": model, "temperature": 0, "max_tokens": 60}
	for name, value := range fields {
		body[name] = value
	}
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	url := os.Getenv("BACKEND_URL") + "/chat/completions"
	response, err := http.Post(url, "application/json", bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var reply struct {
		Choices []struct{ Message backendMessage }
	}
	if err := json.NewDecoder(response.Body).Decode(&reply); err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK || len(reply.Choices) != 1 {
		t.Fatalf("the backend answered %s", response.Status)
	}
	return reply.Choices[0].Message
}

func askBackendPlainly(t *testing.T, prompt string, think bool) backendMessage {
	t.Helper()
	return askBackend(t, map[string]any{
		"messages":             []any{map[string]any{"role": "user", "content": prompt}},
		"chat_template_kwargs": map[string]any{"enable_thinking": think},
	})
}

func userMessage(text string) []api.Message {
	return []api.Message{{Role: "user", Content: text}}
}

func chat(t *testing.T, request *api.ChatRequest) []api.ChatResponse {
	t.Helper()
	return chatBy(t, newClient(t), request)
}

// chatBy collects the stream of a chat, and checks that exactly its last response is done.
func chatBy(t *testing.T, client *api.Client, request *api.ChatRequest) []api.ChatResponse {
	t.Helper()
	var responses []api.ChatResponse
	err := client.Chat(context.Background(), request, func(response api.ChatResponse) error {
		responses = append(responses, response)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, response := range responses {
		if isLast := i == len(responses)-1; response.Done != isLast {
			t.Errorf("response %d of %d: done is %v", i+1, len(responses), response.Done)
		}
	}
	checkMetrics(t, responses[len(responses)-1].Metrics)
	return responses
}

func checkMetrics(t *testing.T, metrics api.Metrics) {
	t.Helper()
	durations := []time.Duration{
		metrics.TotalDuration, metrics.LoadDuration, metrics.PromptEvalDuration, metrics.EvalDuration,
	}
	if slices.Min(durations) <= 0 || metrics.PromptEvalCount <= 0 || metrics.EvalCount <= 0 {
		t.Errorf("a metric is missing: %+v", metrics)
	}
}

func expect[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %#v, want %#v", what, got, want)
	}
}

func TestHeartbeat(t *testing.T) {
	if err := newClient(t).Heartbeat(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestVersion(t *testing.T) {
	version, err := newClient(t).Version(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "version", version, "0.34.4")
}

func TestList(t *testing.T) {
	list, err := newClient(t).List(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Models) != 1 {
		t.Fatalf("got %d models", len(list.Models))
	}
	listed := list.Models[0]
	expect(t, "name", listed.Name, model+":latest")
	expect(t, "model", listed.Model, model+":latest")
	expect(t, "length of the digest", len(listed.Digest), 64)
	expect(t, "parameter size", listed.Details.ParameterSize, "134.52M")
	expect(t, "quantization", listed.Details.QuantizationLevel, "Q4_1")
	if listed.Size <= 0 || listed.ModifiedAt.IsZero() || listed.Details.Family == "" {
		t.Errorf("a field is empty: %+v", listed)
	}
}

func TestShow(t *testing.T) {
	shown, err := newClient(t).Show(context.Background(), &api.ShowRequest{Model: model})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(shown.Capabilities, "completion") {
		t.Errorf("capabilities: %v", shown.Capabilities)
	}
	texts := []string{shown.License, shown.Modelfile, shown.Parameters, shown.Template}
	if slices.Contains(texts, "") || shown.ModifiedAt.IsZero() || len(shown.ModelInfo) == 0 {
		t.Errorf("a field is empty: %+v", shown)
	}
	expect(t, "parameter count", shown.ModelInfo["general.parameter_count"], any(float64(134515008)))
}

func TestShowOfAnUnknownModel(t *testing.T) {
	_, err := newClient(t).Show(context.Background(), &api.ShowRequest{Model: "nope"})
	expectStatusError(t, err, http.StatusNotFound, "model 'nope:latest' not found")
}

func TestChatWithAnUnknownModel(t *testing.T) {
	request := &api.ChatRequest{Model: "nope", Messages: userMessage(question)}
	err := newClient(t).Chat(context.Background(), request, func(api.ChatResponse) error {
		t.Error("a response came")
		return nil
	})
	expectStatusError(t, err, http.StatusNotFound, "model 'nope' not found")
}

func expectStatusError(t *testing.T, err error, status int, message string) {
	t.Helper()
	var statusError api.StatusError
	if !errors.As(err, &statusError) {
		t.Fatalf("got %T: %v", err, err)
	}
	expect(t, "status", statusError.StatusCode, status)
	expect(t, "message", statusError.ErrorMessage, message)
}

func TestListRunning(t *testing.T) {
	client := newClient(t)
	request := &api.GenerateRequest{Model: model, KeepAlive: &api.Duration{Duration: time.Hour}}
	ignore := func(api.GenerateResponse) error { return nil }
	if err := client.Generate(context.Background(), request, ignore); err != nil {
		t.Fatal(err)
	}
	running, err := client.ListRunning(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(running.Models) != 1 {
		t.Fatalf("got %d models", len(running.Models))
	}
	expect(t, "name", running.Models[0].Name, model+":latest")
	left := time.Until(running.Models[0].ExpiresAt)
	if left < 50*time.Minute || left > 70*time.Minute {
		t.Errorf("expires in %v", left)
	}
}

func TestChatStreams(t *testing.T) {
	direct := askBackendPlainly(t, question, false)
	responses := chat(t, &api.ChatRequest{
		Model: model, Messages: userMessage(question), Think: &api.ThinkValue{Value: false}, Options: options,
	})
	var text strings.Builder
	for _, response := range responses {
		text.WriteString(response.Message.Content)
	}
	expect(t, "text", text.String(), direct.Content)
	if len(responses) < 5 {
		t.Errorf("the text came in %d pieces", len(responses))
	}
}

func TestChatInOnePiece(t *testing.T) {
	direct := askBackendPlainly(t, question, false)
	responses := chat(t, &api.ChatRequest{
		Model: model, Messages: userMessage(question), Think: &api.ThinkValue{Value: false}, Options: options,
		Stream: new(bool),
	})
	expect(t, "number of responses", len(responses), 1)
	expect(t, "text", responses[0].Message.Content, direct.Content)
}

func TestChatThinks(t *testing.T) {
	direct := askBackendPlainly(t, sum, true)
	responses := chat(t, &api.ChatRequest{
		Model: model, Messages: userMessage(sum), Think: &api.ThinkValue{Value: true}, Options: options,
	})
	var thinking, text strings.Builder
	for _, response := range responses {
		thinking.WriteString(response.Message.Thinking)
		text.WriteString(response.Message.Content)
	}
	if direct.Thinking == "" {
		t.Error("the backend did not think")
	}
	expect(t, "thinking", thinking.String(), direct.Thinking)
	expect(t, "text", text.String(), direct.Content)
}

func TestGenerateStreams(t *testing.T) {
	direct := askBackendPlainly(t, question, false)
	request := &api.GenerateRequest{
		Model: model, Prompt: question, Think: &api.ThinkValue{Value: false}, Options: options,
	}
	var text strings.Builder
	var last api.GenerateResponse
	err := newClient(t).Generate(context.Background(), request, func(response api.GenerateResponse) error {
		text.WriteString(response.Response)
		last = response
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "text", text.String(), direct.Content)
	expect(t, "done", last.Done, true)
	if len(last.Context) == 0 {
		t.Error("there is no context")
	}
	checkMetrics(t, last.Metrics)
}

func TestToolRoundTrip(t *testing.T) {
	properties := api.NewToolPropertiesMap()
	properties.Set("city", api.ToolProperty{Type: api.PropertyType{"string"}, Description: "The city"})
	tool := api.Tool{Type: "function", Function: api.ToolFunction{
		Name:        "get_weather",
		Description: "Get the weather of a city",
		Parameters:  api.ToolFunctionParameters{Type: "object", Required: []string{"city"}, Properties: properties},
	}}
	messages := userMessage("What is the weather in Paris?")
	direct := askBackend(t, map[string]any{"messages": messages, "tools": []api.Tool{tool}})
	if len(direct.ToolCalls) != 1 {
		t.Fatalf("the backend answered %+v", direct)
	}

	request := &api.ChatRequest{Model: model, Messages: messages, Tools: api.Tools{tool}, Options: options}
	var calls []api.ToolCall
	for _, response := range chat(t, request) {
		calls = append(calls, response.Message.ToolCalls...)
	}
	if len(calls) != 1 {
		t.Fatalf("got %d calls", len(calls))
	}
	expect(t, "function", calls[0].Function.Name, direct.ToolCalls[0].Function.Name)
	city, _ := calls[0].Function.Arguments.Get("city")
	expect(t, "city", city, any("Paris"))

	request.Messages = append(messages,
		api.Message{Role: "assistant", ToolCalls: calls},
		api.Message{Role: "tool", Content: "22 C", ToolName: "get_weather", ToolCallID: calls[0].ID},
	)
	var text strings.Builder
	for _, response := range chat(t, request) {
		text.WriteString(response.Message.Content)
	}
	direct = askBackend(t, map[string]any{"tools": []api.Tool{tool}, "messages": []any{
		messages[0],
		map[string]any{"role": "assistant", "content": "", "tool_calls": direct.ToolCalls},
		map[string]any{"role": "tool", "tool_call_id": direct.ToolCalls[0].ID, "content": "22 C"},
	}})
	expect(t, "answer", text.String(), direct.Content)
}
