import json

import backend
import ollama
from backend import MODEL
from streams import CanCheckStreams

PROMPT = "Tell a short story."
SUM = "What is 3 plus 4?"
OPTIONS = {"temperature": 0, "num_predict": 60}


class GenerateTest(CanCheckStreams):
    def test_answers_in_one_piece(self):
        direct = backend.ask(PROMPT, think=False, max_tokens=60)
        response = ollama.generate(MODEL, PROMPT, think=False, options=OPTIONS)
        self.assertEqual(response.response, direct.content)
        self.assertTrue(response.context)
        self.assert_end(response, direct)

    def test_streams(self):
        direct = backend.ask(PROMPT, think=False, max_tokens=60)
        parts = list(ollama.generate(MODEL, PROMPT, think=False, options=OPTIONS, stream=True))
        self.assert_stream(parts, direct)
        self.assertEqual("".join(part.response for part in parts), direct.content)
        self.assertGreater(len(parts), 5)
        self.assertTrue(parts[-1].context)

    def test_streams_the_thinking(self):
        direct = backend.ask(SUM, think=True, max_tokens=60)
        self.assertNotEqual(direct.thinking, "")
        parts = list(ollama.generate(MODEL, SUM, think=True, options=OPTIONS, stream=True))
        self.assert_stream(parts, direct)
        self.assertEqual("".join(part.thinking or "" for part in parts), direct.thinking)
        self.assertEqual("".join(part.response or "" for part in parts), direct.content)

    def test_takes_a_system_text(self):
        system = "You are a pirate."
        messages = [{"role": "system", "content": system}, {"role": "user", "content": PROMPT}]
        direct = backend.chat(messages, think=False, max_tokens=60)
        response = ollama.generate(MODEL, PROMPT, system=system, think=False, options=OPTIONS)
        self.assertEqual(response.response, direct.content)

    def test_goes_on_from_a_context(self):
        first = ollama.generate(MODEL, PROMPT, think=False, options=OPTIONS)
        messages = [
            {"role": "user", "content": PROMPT},
            {"role": "assistant", "content": first.response},
            {"role": "user", "content": "And plus 5?"},
        ]
        direct = backend.chat(messages, think=False, max_tokens=60)
        second = ollama.generate(
            MODEL, "And plus 5?", context=first.context, think=False, options=OPTIONS
        )
        self.assertEqual(second.response, direct.content)

    def test_ends_at_a_stop_sequence(self):
        whole = backend.ask(PROMPT, think=False, max_tokens=60)
        stop = whole.content.split()[6]
        direct = backend.ask(PROMPT, think=False, max_tokens=60, stop=[stop])
        self.assertLess(len(direct.content), len(whole.content))
        options = {**OPTIONS, "stop": [stop]}
        parts = list(ollama.generate(MODEL, PROMPT, think=False, options=options, stream=True))
        self.assert_stream(parts, direct)
        self.assertEqual("".join(part.response for part in parts), direct.content)
        self.assertEqual(parts[-1].done_reason, "stop")

    def test_ends_at_the_limit(self):
        direct = backend.ask(PROMPT, think=False, max_tokens=5)
        options = {"temperature": 0, "num_predict": 5}
        response = ollama.generate(MODEL, PROMPT, think=False, options=options)
        self.assertEqual(response.response, direct.content)
        self.assertEqual((response.done_reason, response.eval_count), ("length", 5))

    def test_streams_logprobs(self):
        direct = backend.ask(PROMPT, think=False, max_tokens=8, logprobs=True, top_logprobs=2)
        options = {"temperature": 0, "num_predict": 8}
        parts = ollama.generate(
            MODEL, PROMPT, think=False, options=options, stream=True, logprobs=True, top_logprobs=2
        )
        logprobs = [logprob for part in parts for logprob in part.logprobs or []]
        self.assert_logprobs(logprobs, direct, top=2)

    def test_answers_in_json(self):
        prompt = "Describe Paris in JSON."
        json_format = {"type": "json_object"}
        direct = backend.ask(prompt, think=False, max_tokens=120, response_format=json_format)
        options = {"temperature": 0, "num_predict": 120}
        response = ollama.generate(MODEL, prompt, think=False, format="json", options=options)
        self.assertEqual(response.response, direct.content)
        if response.done_reason == "stop":
            self.assertIsInstance(json.loads(response.response), dict)

    def test_loads_and_unloads_without_a_prompt(self):
        loaded = ollama.generate(MODEL, keep_alive="5m")
        self.assertEqual((loaded.done, loaded.done_reason, loaded.response), (True, "load", ""))
        unloaded = ollama.generate(MODEL, keep_alive=0)
        self.assertEqual((unloaded.done, unloaded.done_reason), (True, "unload"))
