import unittest

import ollama
from backend import MODEL


class ErrorTest(unittest.TestCase):
    def test_chat_with_an_unknown_model(self):
        self.assert_error(404, "model 'nope' not found", lambda: ollama.chat("nope", MESSAGES))

    def test_streamed_chat_with_an_unknown_model(self):
        stream = ollama.chat("nope", MESSAGES, stream=True)
        self.assert_error(404, "model 'nope' not found", lambda: list(stream))

    def test_generate_with_an_unknown_model(self):
        self.assert_error(404, "model 'nope' not found", lambda: ollama.generate("nope", "hi"))

    def test_show_of_an_unknown_model(self):
        self.assert_error(404, "model 'nope:latest' not found", lambda: ollama.show("nope"))

    def test_an_option_of_the_wrong_type(self):
        options = {"temperature": "warm"}
        self.assert_error(
            400,
            'option "temperature" must be of type float32',
            lambda: ollama.generate(MODEL, "hi", options=options),
        )

    def test_a_server_that_is_not_there(self):
        with self.assertRaises(ConnectionError):
            ollama.Client("http://127.0.0.1:1").list()

    def assert_error(self, status: int, message: str, call) -> None:
        with self.assertRaises(ollama.ResponseError) as caught:
            call()
        self.assertEqual((caught.exception.status_code, caught.exception.error), (status, message))


MESSAGES = [{"role": "user", "content": "hi"}]
