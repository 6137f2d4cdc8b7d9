import unittest

import backend
import ollama
from backend import MODEL

QUESTION = {"role": "user", "content": "What is the weather in Paris?"}
OPTIONS = {"temperature": 0, "num_predict": 80}


def get_weather(city: str) -> str:
    """Get the weather of a city.

    Args:
      city: The name of the city

    Returns:
      str: The temperature
    """
    return {"Paris": "22 C"}.get(city, "unknown")


# The schema as the client sends it, from the function's signature and comment.
TOOL = ollama._utils.convert_function_to_tool(get_weather).model_dump(exclude_none=True)


class ToolTest(unittest.TestCase):
    def test_round_trip(self):
        direct = backend.chat([QUESTION], tools=[TOOL], max_tokens=80)
        self.assertEqual(direct.arguments(), [("get_weather", {"city": "Paris"})])

        first = ollama.chat(MODEL, [QUESTION], tools=[get_weather], options=OPTIONS)
        calls = first.message.tool_calls
        self.assert_calls(calls, direct)
        self.assertEqual(first.done_reason, "stop")

        result = get_weather(**calls[0].function.arguments)
        direct = backend.chat(
            [
                QUESTION,
                {"role": "assistant", "content": "", "tool_calls": direct.tool_calls},
                {"role": "tool", "tool_call_id": direct.tool_calls[0]["id"], "content": result},
            ],
            tools=[TOOL],
            max_tokens=80,
        )
        second = ollama.chat(
            MODEL,
            [QUESTION, first.message, {"role": "tool", "tool_name": "get_weather", "content": result}],
            tools=[get_weather],
            options=OPTIONS,
        )
        self.assertIn("22 C", direct.content)
        self.assertEqual(second.message.content, direct.content)
        self.assertFalse(second.message.tool_calls)

    def test_streams_whole_calls(self):
        direct = backend.chat([QUESTION], tools=[TOOL], max_tokens=80)
        parts = list(ollama.chat(MODEL, [QUESTION], tools=[TOOL], options=OPTIONS, stream=True))
        with_calls = [part for part in parts if part.message.tool_calls]
        self.assertEqual([part.done for part in with_calls], [False] * len(direct.tool_calls))
        calls = [call for part in with_calls for call in part.message.tool_calls]
        self.assert_calls(calls, direct)
        self.assertEqual((parts[-1].done, parts[-1].done_reason), (True, "stop"))

    def assert_calls(self, calls, direct: backend.Answer) -> None:
        functions = [call.function for call in calls or []]
        self.assertEqual([(f.name, dict(f.arguments)) for f in functions], direct.arguments())
