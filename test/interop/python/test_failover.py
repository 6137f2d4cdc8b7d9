"""Two backends, of which the first fails: all of an answer or an error in words, never a part of one."""

import os
import unittest
from functools import partial

import ollama
from scripted import MODEL, received, script

client = ollama.Client(os.environ["FAILOVER_HOST"])

GOOD = {"text": "all of it"}
PART = {"choices": [{"index": 0, "delta": {"content": "a part"}}]}
REFUSALS = {
    status: {"status": status, "body": {"error": {"message": f"no: {status}"}}}
    for status in (401, 429, 502, 503)
}


def chat(stream: bool) -> str:
    answer = client.chat(MODEL, [{"role": "user", "content": "hi"}], stream=stream)
    return "".join(part.message.content for part in (answer if stream else [answer]))


def generate(stream: bool) -> str:
    answer = client.generate(MODEL, "hi", stream=stream)
    return "".join(part.response for part in (answer if stream else [answer]))


CALLS = {
    f"{call.__name__}, {way}": partial(call, stream)
    for call in (chat, generate)
    for way, stream in {"streamed": True, "whole": False}.items()
}


class FailoverTest(unittest.TestCase):
    def test_a_first_that_refuses(self):
        for name, ask in CALLS.items():
            for status, refusal in REFUSALS.items():
                with self.subTest(f"{name}: {status}"):
                    script(refusal, GOOD)
                    self.assertEqual(ask(), GOOD["text"])
                    self.assertEqual(len(received()), 2)

    def test_embeddings_of_a_first_that_refuses(self):
        script(REFUSALS[503], {})
        self.assertEqual(len(client.embed(MODEL, "hi").embeddings), 1)
        self.assertEqual(len(received()), 2)

    def test_a_first_that_breaks_off(self):
        self.assert_broken({"wire": [PART], "cut": True}, "unexpected EOF")

    def test_a_first_that_just_ends(self):
        self.assert_broken({"wire": [PART]}, "stream ended before completion")

    def test_both_refuse(self):
        for name, ask in CALLS.items():
            for status in (429, 503):
                with self.subTest(f"{name}: {status}"):
                    script(REFUSALS[status], REFUSALS[status])
                    self.assert_rejected(ask, f"no: {status}")

    def assert_broken(self, first: dict, words: str) -> None:
        """The second backend is there, and is not asked."""
        for name, ask in CALLS.items():
            with self.subTest(name):
                script(first, GOOD)
                self.assert_rejected(ask, words)
                self.assertEqual(len(received()), 1)

    def assert_rejected(self, ask, words: str) -> None:
        with self.assertRaises(ollama.ResponseError) as caught:
            ask()
        self.assertIn(words, caught.exception.error)
