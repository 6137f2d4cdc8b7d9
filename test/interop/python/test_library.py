import hashlib
import pathlib
import tempfile
import unittest

import httpx
import ollama
from scripted import MODEL, client, received, script

MESSAGES = [
    {"role": "user", "content": "Who made you?"},
    {"role": "assistant", "content": "Ann did."},
]
TIM = {
    "from_": MODEL,
    "system": "You are Tim.",
    "parameters": {"temperature": 0.5, "num_predict": 16, "stop": ["END", "THE END"]},
    "messages": MESSAGES,
    "license": ["Free for all.", "Second licence."],
}
NO_MANIFEST = "pull model manifest: file does not exist"


def names() -> list:
    return [model.model for model in client.list().models]


class LibraryTest(unittest.TestCase):
    """Every call of the package that is about models."""

    def setUp(self):
        for name in names():
            if name != f"{MODEL}:latest":
                client.delete(name)

    def test_create_in_one_piece(self):
        self.assertEqual(client.create("tim", **TIM).status, "success")
        self.assertEqual(names(), ["tim:latest", f"{MODEL}:latest"])

    def test_create_streams_what_it_does(self):
        statuses = [part.status for part in client.create("tim", **TIM, stream=True)]
        self.assertEqual(statuses[-2:], ["writing manifest", "success"])
        self.assertGreater(len(statuses), 2)
        for status in statuses[:-2]:
            self.assertRegex(status, " layer sha256:[0-9a-f]{64}$")

    def test_create_brings_its_words_into_a_chat(self):
        client.create("tim", **TIM)
        script({"text": "Tim."})
        question = {"role": "user", "content": "Who are you?"}
        answer = client.chat("tim", [question])
        self.assertEqual((answer.model, answer.message.content), ("tim", "Tim."))
        (request,) = received()
        body = request["body"]
        self.assertEqual(request["path"], "/v1/chat/completions")
        self.assertEqual(body["model"], MODEL)
        system = {"role": "system", "content": "You are Tim."}
        self.assertEqual(body["messages"], [system, *MESSAGES, question])
        self.assertEqual((body["temperature"], body["max_tokens"]), (0.5, 16))
        self.assertEqual(body["stop"], ["END", "THE END"])

    def test_create_with_a_template(self):
        client.create("tom", from_=MODEL, template="Q: {{ .Prompt }}\nA:")
        script({"text": "Tom."})
        self.assertEqual(client.generate("tom", "Who are you?").response, "Tom.")
        (request,) = received()
        self.assertEqual(request["path"], "/v1/completions")
        self.assertEqual(request["body"]["prompt"], "Q: Who are you?\nA:")

    def test_create_of_an_unknown_model(self):
        self.assert_error(500, NO_MANIFEST, lambda: client.create("x", from_="nope"))
        stream = client.create("x", from_="nope", stream=True)
        with self.assertRaises(ollama.ResponseError) as caught:
            list(stream)
        self.assertEqual(caught.exception.error, NO_MANIFEST)

    def test_create_of_a_name_that_cannot_be_one(self):
        self.assert_error(400, "invalid model name", lambda: client.create("../x", **TIM))

    def test_show(self):
        client.create("tim", **TIM, template="{{ .System }} {{ .Prompt }}")
        shown = client.show("tim")
        self.assertEqual(shown.template, "{{ .System }} {{ .Prompt }}")
        self.assertEqual(shown.license, "Free for all.\nSecond licence.")
        self.assertIn("SYSTEM You are Tim.", shown.modelfile)
        self.assertIn("MESSAGE assistant Ann did.", shown.modelfile)
        self.assertRegex(shown.parameters, r"(?m)^temperature +0\.5$")
        self.assertEqual(shown.details.parent_model, f"{MODEL}:latest")
        self.assertIn("general.architecture", shown.modelinfo)
        self.assertIn("completion", shown.capabilities)

    def test_copy(self):
        client.create("tim", **TIM)
        self.assertEqual(client.copy("tim", "tam:v2").status, "success")
        self.assertIn("tam:v2", names())
        self.assertIn("SYSTEM You are Tim.", client.show("tam:v2").modelfile)
        self.assert_error(404, 'model "nope" not found', lambda: client.copy("nope", "x"))

    def test_delete(self):
        client.create("tim", **TIM)
        self.assertEqual(client.delete("tim").status, "success")
        self.assertEqual(names(), [f"{MODEL}:latest"])
        self.assertEqual(self.status_of_delete("tim"), 404)
        self.assertEqual(self.status_of_delete(MODEL), 403)
        self.assertEqual(names(), [f"{MODEL}:latest"])

    def status_of_delete(self, model: str) -> int:
        with self.assertRaises(ollama.ResponseError) as caught:
            client.delete(model)
        return caught.exception.status_code

    def test_ps(self):
        client.create("tim", **TIM)
        client.generate("tim", "", keep_alive="1h")
        running = [model for model in client.ps().models if model.name == "tim:latest"]
        self.assertEqual([model.model for model in running], ["tim:latest"])
        client.generate("tim", "", keep_alive=0)
        self.assertNotIn("tim:latest", [model.name for model in client.ps().models])

    def test_pull_of_a_model_that_is_there(self):
        self.assertEqual(client.pull(MODEL).status, "success")
        statuses = [part.status for part in client.pull(MODEL, stream=True)]
        self.assertEqual(statuses[-1], "success")

    def test_pull_of_an_unknown_model(self):
        self.assert_error(500, NO_MANIFEST, lambda: client.pull("nope"))
        with self.assertRaises(ollama.ResponseError) as caught:
            list(client.pull("nope", stream=True))
        self.assertEqual(caught.exception.error, NO_MANIFEST)

    def test_push(self):
        for model in (MODEL, "nope"):
            with self.assertRaises(ollama.ResponseError) as caught:
                client.push(model)
            self.assertTrue(caught.exception.error)
            with self.assertRaises(ollama.ResponseError) as streamed:
                list(client.push(model, stream=True))
            self.assertEqual(streamed.exception.error, caught.exception.error)

    def test_create_blob(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "blob")
            path.write_bytes(b"hello" * 100_000)
            digest = client.create_blob(path)
            self.assertEqual(digest, f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}")
            self.assertEqual(client.create_blob(path), digest)
        address = client._client.base_url.join(f"/api/blobs/{digest}")
        self.assertEqual(httpx.head(address).status_code, 200)

    def test_embed(self):
        client.create("tim", **TIM)
        script()
        answer = client.embed("tim", ["one", "two"])
        self.assertEqual((answer.model, len(answer.embeddings)), ("tim", 2))
        (request,) = received()
        self.assertEqual(request["body"]["model"], MODEL)
        # The older route has the vector as it comes from the backend.
        self.assertEqual(client.embeddings("tim", "one").embedding, [3, 2, -1])

    def assert_error(self, status: int, message: str, call) -> None:
        with self.assertRaises(ollama.ResponseError) as caught:
            call()
        self.assertEqual((caught.exception.status_code, caught.exception.error), (status, message))
