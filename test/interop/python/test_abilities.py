"""What the small model can't do well enough: here the backend says what it is told to."""

import base64
import math
import unittest

import ollama
from scripted import MODEL, client, received, script

QUESTION = {"role": "user", "content": "What is it like in Rome?"}
TEXT = "Rome is warm today. 🌞"
THINKING = "The user asks for the weather."

# The smallest of their kinds.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
GIF = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


def get_weather(city: str) -> str:
    """Get the weather of a city.

    Args:
      city: The name of the city

    Returns:
      str: The weather
    """
    return f"the weather of {city}"


def get_time(city: str) -> str:
    """Get the local time of a city.

    Args:
      city: The name of the city

    Returns:
      str: The time
    """
    return f"the time of {city}"


TOOLS = {"get_weather": get_weather, "get_time": get_time}

# What the model calls in each round before it answers.
CONVERSATIONS = {
    "two rounds": [[("get_weather", "Rome")], [("get_time", "Oslo")]],
    "in parallel": [[("get_weather", "Rome"), ("get_time", "Rome")]],
    "twice the same in parallel": [
        [("get_weather", "Rome"), ("get_weather", "Oslo"), ("get_time", "Oslo"), ("get_weather", "Bern")]
    ],
    "twice the same in two rounds": [[("get_weather", "Rome")], [("get_weather", "Oslo")]],
}


def calls(pairs: list) -> dict:
    return {"calls": [{"name": name, "arguments": {"city": city}} for name, city in pairs]}


def converse(stream: bool) -> str:
    """Runs the tools that the model calls until it answers."""
    messages = [QUESTION]
    while True:
        answer = client.chat(MODEL, messages, tools=TOOLS.values(), stream=stream)
        parts = list(answer) if stream else [answer]
        made = [call for part in parts for call in part.message.tool_calls or []]
        if not made:
            return "".join(part.message.content for part in parts)
        messages.append(ollama.Message(role="assistant", tool_calls=made))
        for call in made:
            result = TOOLS[call.function.name](**call.function.arguments)
            messages.append({"role": "tool", "content": result})


class AbilitiesTest(unittest.TestCase):
    def test_calls_tools(self):
        for name, rounds in CONVERSATIONS.items():
            for stream in (False, True):
                with self.subTest(name, stream=stream):
                    script(*map(calls, rounds), {"text": TEXT})
                    self.assertEqual(converse(stream), TEXT)
                    self.assertEqual(
                        [
                            (result["call"], result["arguments"], result["result"])
                            for result in received()[-1]["results"]
                        ],
                        [
                            (name, {"city": city}, TOOLS[name](city))
                            for calls_of_round in rounds
                            for name, city in calls_of_round
                        ],
                    )

    def test_thinks_and_does_not(self):
        for think, thinking in ((True, THINKING), (False, None)):
            with self.subTest(think=think):
                script({"thinking": thinking or "", "text": TEXT})
                message = client.chat(MODEL, [QUESTION], think=think).message
                self.assertEqual((message.thinking, message.content), (thinking, TEXT))
                (request,) = received()
                self.assertIs(request["body"]["chat_template_kwargs"]["enable_thinking"], think)

    def test_looks_at_images(self):
        for media_type, image in {"image/png": PNG, "image/gif": GIF}.items():
            with self.subTest(media_type):
                script({"text": TEXT}, {"text": TEXT})
                client.chat(MODEL, [{**QUESTION, "images": [image]}])
                client.generate(MODEL, QUESTION["content"], images=[base64.b64decode(image)])
                url = f"data:{media_type};base64,{image}"
                for request in received():
                    self.assertEqual(
                        request["body"]["messages"][-1]["content"],
                        [
                            {"type": "text", "text": QUESTION["content"]},
                            {"type": "image_url", "image_url": {"url": url}},
                        ],
                    )

    def test_fills_in(self):
        for stream in (False, True):
            with self.subTest(stream=stream):
                script({"text": "    return 1"})
                answer = client.generate(
                    MODEL, "def one():\n", suffix="\n\nprint(one())", stream=stream
                )
                parts = list(answer) if stream else [answer]
                self.assertEqual("".join(part.response for part in parts), "    return 1")
                (request,) = received()
                self.assertEqual(request["path"], "/v1/completions")
                self.assertEqual(request["body"]["prompt"], "def one():\n")
                self.assertEqual(request["body"]["suffix"], "\n\nprint(one())")

    def test_embeds(self):
        texts = ["one", "three", "seventeen"]
        script()
        response = client.embed(MODEL, texts)
        self.assertEqual(response.model, MODEL)
        self.assertEqual(len(response.embeddings), len(texts))
        for text, vector in zip(texts, response.embeddings):
            self.assert_vector(vector, text)
        self.assertGreater(response.total_duration, 0)
        self.assertGreater(response.load_duration, 0)
        self.assertGreater(response.prompt_eval_count, 0)

    def test_embeds_one_text_and_none(self):
        script()
        (vector,) = client.embed(MODEL, "one").embeddings
        self.assert_vector(vector, "one")
        self.assertEqual(list(client.embed(MODEL, []).embeddings), [])

    def test_embeds_in_the_old_way(self):
        script()
        vector = client.embeddings(MODEL, "one").embedding
        length = math.hypot(*vector)
        self.assert_vector([value / length for value in vector], "one")

    def test_tells_a_refusal(self):
        for stream in (False, True):
            with self.subTest(stream=stream):
                script({"status": 429, "body": {"error": {"message": "Slow down, please"}}})
                with self.assertRaises(ollama.ResponseError) as caught:
                    answer = client.chat(MODEL, [QUESTION], stream=stream)
                    list(answer)
                self.assertEqual(caught.exception.status_code, 429)
                self.assertIn("Slow down, please", caught.exception.error)

    def assert_vector(self, vector: list, text: str) -> None:
        """The backend's vector of the text, with the length of 1."""
        raw = [len(text), 2, -1]
        for ours, theirs in zip(vector, raw, strict=True):
            self.assertAlmostEqual(ours, theirs / math.hypot(*raw), places=5)
