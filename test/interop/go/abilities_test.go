package interop

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/ollama/ollama/api"
)

const (
	weatherQuestion = "What is it like in Rome?"
	weatherText     = "Rome is warm today. 🌞"
)

// ways are the two values of `stream`.
var ways = map[string]bool{"whole": false, "streamed": true}

type toolCall struct{ Name, City string }

// conversations are what the model calls in each round before it answers.
var conversations = map[string][][]toolCall{
	"in two rounds": {{{"get_weather", "Rome"}}, {{"get_time", "Oslo"}}},
	"in parallel":   {{{"get_weather", "Rome"}, {"get_time", "Rome"}}},
	"twice the same in parallel": {{
		{"get_weather", "Rome"}, {"get_weather", "Oslo"}, {"get_time", "Oslo"}, {"get_weather", "Bern"},
	}},
	"twice the same in two rounds": {{{"get_weather", "Rome"}}, {{"get_weather", "Oslo"}}},
}

func resultOf(name, city string) string {
	return "the " + strings.TrimPrefix(name, "get_") + " of " + city
}

func cityTool(name string) api.Tool {
	properties := api.NewToolPropertiesMap()
	properties.Set("city", api.ToolProperty{Type: api.PropertyType{"string"}, Description: "The city"})
	return api.Tool{Type: "function", Function: api.ToolFunction{
		Name:       name,
		Parameters: api.ToolFunctionParameters{Type: "object", Required: []string{"city"}, Properties: properties},
	}}
}

// converse answers the calls of the model until it makes none. Half of the clients built on this
// package send the ids of the calls with their results, half of them nothing.
func converse(t *testing.T, stream, sendsIDs bool) string {
	t.Helper()
	messages := userMessage(weatherQuestion)
	for {
		request := &api.ChatRequest{
			Model:    scriptedModel,
			Messages: messages,
			Tools:    api.Tools{cityTool("get_weather"), cityTool("get_time")},
			Stream:   &stream,
		}
		var text strings.Builder
		var calls []api.ToolCall
		for _, response := range chatBy(t, scriptedClient(), request) {
			text.WriteString(response.Message.Content)
			calls = append(calls, response.Message.ToolCalls...)
		}
		if len(calls) == 0 {
			return text.String()
		}
		messages = append(messages, api.Message{Role: "assistant", Content: text.String(), ToolCalls: calls})
		for i, call := range calls {
			expect(t, "index", call.Function.Index, i)
			city, _ := call.Function.Arguments.Get("city")
			result := api.Message{Role: "tool", Content: resultOf(call.Function.Name, city.(string))}
			if sendsIDs {
				result.ToolCallID = call.ID
			}
			messages = append(messages, result)
		}
	}
}

func TestToolConversations(t *testing.T) {
	for name, rounds := range conversations {
		var replies []any
		var want []answeredCall
		for _, round := range rounds {
			var calls []any
			for _, call := range round {
				arguments := map[string]any{"city": call.City}
				calls = append(calls, map[string]any{"name": call.Name, "arguments": arguments})
				want = append(want, answeredCall{call.Name, arguments, resultOf(call.Name, call.City)})
			}
			replies = append(replies, reply{"calls": calls})
		}
		replies = append(replies, reply{"text": weatherText})
		for way, stream := range ways {
			for ids, sendsIDs := range map[string]bool{"with ids": true, "without ids": false} {
				t.Run(name+", "+way+", "+ids, func(t *testing.T) {
					script(t, replies...)
					expect(t, "text", converse(t, stream, sendsIDs), weatherText)
					requests := received(t)
					if got := requests[len(requests)-1].Results; !reflect.DeepEqual(got, want) {
						t.Errorf("got %v, want %v", got, want)
					}
				})
			}
		}
	}
}

func TestThinkingOnAndOff(t *testing.T) {
	for thinking, think := range map[string]bool{"The user asks for the weather.": true, "": false} {
		script(t, reply{"thinking": thinking, "text": weatherText})
		responses := chatBy(t, scriptedClient(), &api.ChatRequest{
			Model: scriptedModel, Messages: userMessage(weatherQuestion), Think: &api.ThinkValue{Value: think},
			Stream: new(bool),
		})
		expect(t, "thinking", responses[0].Message.Thinking, thinking)
		expect(t, "text", responses[0].Message.Content, weatherText)
		enabled := received(t)[0].Body.ChatTemplateKwargs["enable_thinking"]
		expect(t, "what the backend was told", enabled, any(think))
	}
}

func TestVision(t *testing.T) {
	images := map[string]string{
		"image/png": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
		"image/gif": "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7",
	}
	for mediaType, text := range images {
		image, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		messages := userMessage(weatherQuestion)
		messages[0].Images = []api.ImageData{image}
		script(t, reply{"text": weatherText})
		chatBy(t, scriptedClient(), &api.ChatRequest{Model: scriptedModel, Messages: messages})
		want := []any{
			map[string]any{"type": "text", "text": weatherQuestion},
			map[string]any{
				"type":      "image_url",
				"image_url": map[string]any{"url": "data:" + mediaType + ";base64," + text},
			},
		}
		if got := received(t)[0].Body.Messages[0].Content; !reflect.DeepEqual(got, any(want)) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

func TestSchema(t *testing.T) {
	schema := `{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}`
	script(t, reply{"text": `{"name":"Rex"}`})
	responses := chatBy(t, scriptedClient(), &api.ChatRequest{
		Model: scriptedModel, Messages: userMessage("Describe a dog."), Format: json.RawMessage(schema),
		Stream: new(bool),
	})
	expect(t, "text", responses[0].Message.Content, `{"name":"Rex"}`)
	sent, err := json.Marshal(received(t)[0].Body.ResponseFormat)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"json_schema"`, `"required":["name"]`, `"name":{"type":"string"}`} {
		if !strings.Contains(string(sent), part) {
			t.Errorf("%s is not in %s", part, sent)
		}
	}
}

func TestLogprobs(t *testing.T) {
	entry := func(token string, logprob float64) map[string]any {
		top := []any{map[string]any{"token": token, "logprob": logprob}, map[string]any{"token": "x", "logprob": -7}}
		return map[string]any{"token": token, "logprob": logprob, "top_logprobs": top}
	}
	script(t, reply{"logprobs": []any{entry("Good", -0.5), entry(" day", -1.5)}})
	var logprobs []api.Logprob
	for _, response := range chatBy(t, scriptedClient(), &api.ChatRequest{
		Model: scriptedModel, Messages: userMessage("Hello"), Logprobs: true, TopLogprobs: 2,
	}) {
		logprobs = append(logprobs, response.Logprobs...)
	}
	if len(logprobs) != 2 {
		t.Fatalf("got %d entries", len(logprobs))
	}
	expect(t, "first token", logprobs[0].Token, "Good")
	expect(t, "second logprob", logprobs[1].Logprob, -1.5)
	expect(t, "number of candidates", len(logprobs[1].TopLogprobs), 2)
	expect(t, "candidate", logprobs[1].TopLogprobs[1].Token, "x")
}

func TestFillIn(t *testing.T) {
	for way, stream := range ways {
		t.Run(way, func(t *testing.T) {
			script(t, reply{"text": "    return 1"})
			request := &api.GenerateRequest{
				Model: scriptedModel, Prompt: "def one():\n", Suffix: "\n\nprint(one())", Stream: &stream,
			}
			var text strings.Builder
			err := scriptedClient().Generate(context.Background(), request, func(response api.GenerateResponse) error {
				text.WriteString(response.Response)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			expect(t, "text", text.String(), "    return 1")
			sent := received(t)[0]
			expect(t, "path", sent.Path, "/v1/completions")
			expect(t, "prompt", sent.Body.Prompt, any(request.Prompt))
			expect(t, "suffix", sent.Body.Suffix, request.Suffix)
		})
	}
}

func TestEmbed(t *testing.T) {
	texts := []string{"one", "three", "seventeen"}
	script(t)
	response, err := scriptedClient().Embed(context.Background(), &api.EmbedRequest{Model: scriptedModel, Input: texts})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "model", response.Model, scriptedModel)
	expect(t, "number of vectors", len(response.Embeddings), len(texts))
	for i, vector := range response.Embeddings {
		expectVector(t, vector, texts[i])
	}
	if response.TotalDuration <= 0 || response.LoadDuration <= 0 || response.PromptEvalCount <= 0 {
		t.Errorf("a metric is missing: %+v", response)
	}
}

func TestEmbedInTheOldWay(t *testing.T) {
	script(t)
	request := &api.EmbeddingRequest{Model: scriptedModel, Prompt: "three"}
	response, err := scriptedClient().Embeddings(context.Background(), request)
	if err != nil {
		t.Fatal(err)
	}
	var length float64
	for _, value := range response.Embedding {
		length = math.Hypot(length, value)
	}
	var vector []float32
	for _, value := range response.Embedding {
		vector = append(vector, float32(value/length))
	}
	expectVector(t, vector, "three")
}

// expectVector compares with the backend's vector of the text, scaled to the length of 1.
func expectVector(t *testing.T, vector []float32, text string) {
	t.Helper()
	raw := []float64{float64(len(text)), 2, -1}
	length := math.Sqrt(raw[0]*raw[0] + 4 + 1)
	if len(vector) != len(raw) {
		t.Fatalf("%s: the vector has %d dimensions", text, len(vector))
	}
	for i, value := range raw {
		if math.Abs(float64(vector[i])-value/length) > 1e-5 {
			t.Errorf("%s: got %v", text, vector)
		}
	}
}

func TestRefusal(t *testing.T) {
	for way, stream := range ways {
		t.Run(way, func(t *testing.T) {
			script(t, reply{"status": 429, "body": map[string]any{"error": map[string]any{"message": "Slow down, please"}}})
			request := &api.ChatRequest{Model: scriptedModel, Messages: userMessage(weatherQuestion), Stream: &stream}
			err := scriptedClient().Chat(context.Background(), request, func(api.ChatResponse) error { return nil })
			var statusError api.StatusError
			if !errors.As(err, &statusError) {
				t.Fatalf("got %T: %v", err, err)
			}
			expect(t, "status", statusError.StatusCode, http.StatusTooManyRequests)
			if !strings.Contains(statusError.ErrorMessage, "Slow down, please") {
				t.Errorf("got %q", statusError.ErrorMessage)
			}
		})
	}
}
