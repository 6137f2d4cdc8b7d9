import backend
import ollama
from backend import MODEL
from streams import CanCheckStreams

QUESTION = "Tell a short story."
SUM = "What is 3 plus 4?"
MESSAGES = [{"role": "user", "content": QUESTION}]
SUM_MESSAGES = [{"role": "user", "content": SUM}]
OPTIONS = {"temperature": 0, "num_predict": 60}


class ChatTest(CanCheckStreams):
    def test_answers_in_one_piece(self):
        direct = backend.ask(QUESTION, think=False, max_tokens=60)
        response = ollama.chat(MODEL, MESSAGES, think=False, options=OPTIONS)
        self.assertEqual(response.message.content, direct.content)
        self.assertEqual(response.message.role, "assistant")
        self.assertIsNone(response.message.thinking)
        self.assert_end(response, direct)

    def test_streams(self):
        direct = backend.ask(QUESTION, think=False, max_tokens=60)
        parts = list(ollama.chat(MODEL, MESSAGES, think=False, options=OPTIONS, stream=True))
        self.assert_stream(parts, direct)
        self.assertEqual("".join(part.message.content for part in parts), direct.content)
        self.assertGreater(len(parts), 5)

    def test_thinks_and_answers_in_one_piece(self):
        direct = backend.ask(SUM, think=True, max_tokens=60)
        self.assertNotEqual(direct.thinking, "")
        response = ollama.chat(MODEL, SUM_MESSAGES, think=True, options=OPTIONS)
        self.assertEqual(response.message.thinking, direct.thinking)
        self.assertEqual(response.message.content, direct.content)
        self.assert_end(response, direct)

    def test_streams_the_thinking_before_the_answer(self):
        direct = backend.ask(SUM, think=True, max_tokens=60)
        parts = list(ollama.chat(MODEL, SUM_MESSAGES, think=True, options=OPTIONS, stream=True))
        self.assert_stream(parts, direct)
        kinds = ["thinking" if part.message.thinking else "content" for part in parts]
        self.assertEqual(kinds, sorted(kinds, reverse=True))
        self.assertEqual("".join(part.message.thinking or "" for part in parts), direct.thinking)
        self.assertEqual("".join(part.message.content or "" for part in parts), direct.content)

    def test_remembers_the_conversation(self):
        messages = [
            {"role": "system", "content": "You answer with a number."},
            {"role": "user", "content": "What is 2 plus 5?"},
            {"role": "assistant", "content": "7"},
            {"role": "user", "content": "And 2 plus 6?"},
        ]
        direct = backend.chat(messages, think=False, max_tokens=30)
        options = {"temperature": 0, "num_predict": 30}
        response = ollama.chat(MODEL, messages, think=False, options=options)
        self.assertEqual(response.message.content, direct.content)
        self.assertEqual(response.prompt_eval_count, direct.usage["prompt_tokens"])

    def test_streams_logprobs(self):
        direct = backend.ask(QUESTION, think=False, max_tokens=8, logprobs=True, top_logprobs=3)
        options = {"temperature": 0, "num_predict": 8}
        parts = ollama.chat(
            MODEL, MESSAGES, think=False, options=options, stream=True, logprobs=True, top_logprobs=3
        )
        logprobs = [logprob for part in parts for logprob in part.logprobs or []]
        self.assert_logprobs(logprobs, direct, top=3)

    def test_answers_with_logprobs_in_one_piece(self):
        direct = backend.ask(QUESTION, think=False, max_tokens=8, logprobs=True)
        options = {"temperature": 0, "num_predict": 8}
        response = ollama.chat(MODEL, MESSAGES, think=False, options=options, logprobs=True)
        self.assert_logprobs(response.logprobs, direct, top=0)
