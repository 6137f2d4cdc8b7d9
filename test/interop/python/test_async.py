import asyncio
import unittest

import backend
import ollama
from backend import MODEL

OPTIONS = {"temperature": 0, "num_predict": 40}


def messages(text: str) -> list:
    return [{"role": "user", "content": text}]


class AsyncTest(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.client = ollama.AsyncClient()

    async def test_chat_answers(self):
        direct = backend.ask("Name a colour.", think=False, max_tokens=40)
        response = await self.client.chat(
            MODEL, messages("Name a colour."), think=False, options=OPTIONS
        )
        self.assertEqual(response.message.content, direct.content)

    async def test_chat_streams(self):
        direct = backend.ask("Name a colour.", think=False, max_tokens=40)
        stream = await self.client.chat(
            MODEL, messages("Name a colour."), think=False, options=OPTIONS, stream=True
        )
        parts = [part async for part in stream]
        self.assertEqual("".join(part.message.content for part in parts), direct.content)
        self.assertEqual([part.done for part in parts].count(True), 1)

    async def test_two_streams_at_once(self):
        """Each of them gets its own text, though the backend serves one at a time."""
        questions = ["Name a colour.", "Name a fruit."]
        direct = [backend.ask(text, think=False, max_tokens=40).content for text in questions]

        async def collect(text: str) -> str:
            stream = await self.client.generate(
                MODEL, text, think=False, options=OPTIONS, stream=True
            )
            return "".join([part.response async for part in stream])

        self.assertEqual(await asyncio.gather(*map(collect, questions)), direct)

    async def test_leaving_a_stream_frees_the_backend(self):
        """The backend serves one stream at a time: the next waits until this one has ended."""
        stream = await self.client.generate(
            MODEL, "Tell a long story.", think=False, options={"num_predict": 1800}, stream=True
        )
        await anext(stream)
        await stream.aclose()
        response = await asyncio.wait_for(
            self.client.generate(MODEL, "hi", think=False, options={"num_predict": 1}), timeout=10
        )
        self.assertTrue(response.done)

    async def test_list_show_and_ps(self):
        listed = await self.client.list()
        self.assertEqual([model.model for model in listed.models], [f"{MODEL}:latest"])
        shown = await self.client.show(MODEL)
        self.assertIn("completion", shown.capabilities)
        await self.client.generate(MODEL, "hi", options={"num_predict": 1})
        running = await self.client.ps()
        self.assertEqual([model.name for model in running.models], [f"{MODEL}:latest"])

    async def test_an_unknown_model(self):
        with self.assertRaises(ollama.ResponseError) as caught:
            await self.client.chat("nope", messages("hi"))
        self.assertEqual(caught.exception.status_code, 404)
