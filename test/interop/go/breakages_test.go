package interop

import (
	"context"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/ollama/ollama/api"
)

type calledFunction struct {
	Name      string
	Arguments map[string]any
}

// TestBreakages plays what backends send that has broken clients behind other servers.
func TestBreakages(t *testing.T) {
	table, err := os.ReadFile("../breakages.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		Name    string
		Reply   reply
		Text    string
		Calls   []calledFunction
		Failure string
	}
	if err := json.Unmarshal(table, &rows); err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		for way, stream := range ways {
			t.Run(row.Name+", "+way, func(t *testing.T) {
				script(t, row.Reply)
				request := &api.ChatRequest{
					Model: scriptedModel, Messages: userMessage(weatherQuestion), Stream: &stream,
				}
				if row.Failure != "" {
					expectFailure(t, request, row.Failure)
					return
				}
				var text strings.Builder
				var calls []calledFunction
				var last api.ChatResponse
				for _, last = range chatBy(t, scriptedClient(), request) {
					text.WriteString(last.Message.Content)
					for _, call := range last.Message.ToolCalls {
						calls = append(calls, calledFunction{call.Function.Name, call.Function.Arguments.ToMap()})
					}
				}
				expect(t, "done reason", last.DoneReason, "stop")
				if row.Calls == nil {
					expect(t, "text", text.String(), row.Text)
				}
				if !reflect.DeepEqual(calls, row.Calls) {
					t.Errorf("got the calls %v, want %v", calls, row.Calls)
				}
			})
		}
	}
}

func expectFailure(t *testing.T, request *api.ChatRequest, words string) {
	t.Helper()
	err := scriptedClient().Chat(context.Background(), request, func(api.ChatResponse) error { return nil })
	if err == nil || !strings.Contains(err.Error(), words) {
		t.Errorf("got %v, want an error with %q", err, words)
	}
}
