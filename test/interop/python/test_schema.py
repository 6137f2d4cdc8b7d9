import unittest

import backend
import ollama
from backend import MODEL
from pydantic import BaseModel

PROMPT = "Describe a dog called Rex who is 4 years old."


class Pet(BaseModel):
    name: str
    age: int
    likes_walks: bool


SCHEMA = Pet.model_json_schema()
RESPONSE_FORMAT = {"type": "json_schema", "json_schema": {"name": "pet", "schema": SCHEMA}}
OPTIONS = {"temperature": 0, "num_predict": 200}


class SchemaTest(unittest.TestCase):
    def test_chat_answers_as_the_schema_has_it(self):
        direct = backend.ask(PROMPT, think=False, max_tokens=200, response_format=RESPONSE_FORMAT)
        messages = [{"role": "user", "content": PROMPT}]
        response = ollama.chat(MODEL, messages, think=False, format=SCHEMA, options=OPTIONS)
        self.assertEqual(response.message.content, direct.content)
        self.assertIsInstance(Pet.model_validate_json(response.message.content), Pet)

    def test_generate_streams_as_the_schema_has_it(self):
        direct = backend.ask(PROMPT, think=False, max_tokens=200, response_format=RESPONSE_FORMAT)
        parts = ollama.generate(
            MODEL, PROMPT, think=False, format=SCHEMA, options=OPTIONS, stream=True
        )
        text = "".join(part.response for part in parts)
        self.assertEqual(text, direct.content)
        self.assertIsInstance(Pet.model_validate_json(text), Pet)
