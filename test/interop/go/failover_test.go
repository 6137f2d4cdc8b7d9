package interop

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/ollama/ollama/api"
)

// TestFailover has two backends, of which the first fails: a client gets all of an answer or an
// error in words, never a part of one.
func TestFailover(t *testing.T) {
	good := reply{"text": "all of it"}
	part := map[string]any{
		"choices": []any{map[string]any{"index": 0, "delta": reply{"content": "a part"}}},
	}
	for name, row := range map[string]struct {
		replies []any
		// Requests that the backends get.
		requests int
		// The error, where there is to be one.
		failure string
	}{
		"401 from the first":      {[]any{refusal(401), good}, 2, ""},
		"429 from the first":      {[]any{refusal(429), good}, 2, ""},
		"502 from the first":      {[]any{refusal(502), good}, 2, ""},
		"503 from the first":      {[]any{refusal(503), good}, 2, ""},
		"429 from both":           {[]any{refusal(429), refusal(429)}, 2, "no: 429"},
		"503 from both":           {[]any{refusal(503), refusal(503)}, 2, "no: 503"},
		"a first that breaks off": {[]any{reply{"wire": []any{part}, "cut": true}, good}, 1, "unexpected EOF"},
		"a first that just ends":  {[]any{reply{"wire": []any{part}}, good}, 1, "stream ended before completion"},
	} {
		for way, stream := range ways {
			t.Run("chat, "+name+", "+way, func(t *testing.T) {
				script(t, row.replies...)
				var text strings.Builder
				request := &api.ChatRequest{Model: scriptedModel, Messages: userMessage("hi"), Stream: &stream}
				err := failoverClient().Chat(context.Background(), request, func(response api.ChatResponse) error {
					text.WriteString(response.Message.Content)
					return nil
				})
				expectOutcome(t, err, text.String(), row.failure)
				expect(t, "requests", len(received(t)), row.requests)
			})
			t.Run("generate, "+name+", "+way, func(t *testing.T) {
				script(t, row.replies...)
				var text strings.Builder
				request := &api.GenerateRequest{Model: scriptedModel, Prompt: "hi", Stream: &stream}
				err := failoverClient().Generate(context.Background(), request, func(response api.GenerateResponse) error {
					text.WriteString(response.Response)
					return nil
				})
				expectOutcome(t, err, text.String(), row.failure)
				expect(t, "requests", len(received(t)), row.requests)
			})
		}
	}
}

func refusal(status int) reply {
	message := reply{"message": "no: " + strconv.Itoa(status)}
	return reply{"status": status, "body": reply{"error": message}}
}

func failoverClient() *api.Client {
	return api.NewClient(&url.URL{Scheme: "http", Host: os.Getenv("FAILOVER_HOST")}, http.DefaultClient)
}

func expectOutcome(t *testing.T, err error, text, failure string) {
	t.Helper()
	if failure == "" {
		if err != nil {
			t.Fatal(err)
		}
		expect(t, "text", text, "all of it")
	} else if err == nil || !strings.Contains(err.Error(), failure) {
		t.Errorf("got %v and %q, want an error with %q", err, text, failure)
	}
}
