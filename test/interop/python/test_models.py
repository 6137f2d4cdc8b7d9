import datetime
import re
import unittest

import ollama
from backend import MODEL

NOW = datetime.datetime.now(datetime.timezone.utc)


class ModelsTest(unittest.TestCase):
    def test_list(self):
        (model,) = ollama.list().models
        self.assertEqual(model.model, f"{MODEL}:latest")
        self.assertTrue(re.fullmatch("[0-9a-f]{64}", model.digest), model.digest)
        self.assertGreaterEqual(model.size, 1)
        self.assertIsNotNone(model.modified_at.tzinfo)
        self.assert_details(model.details)

    def test_show(self):
        shown = ollama.show(MODEL)
        self.assertIn("completion", shown.capabilities)
        self.assertIn(f"# FROM {MODEL}:latest", shown.modelfile)
        for text in (shown.modelfile, shown.template, shown.parameters, shown.license):
            self.assertTrue(text)
        self.assertIsNotNone(shown.modified_at)
        self.assert_details(shown.details)
        # What llama.cpp tells of its model.
        architecture = shown.modelinfo["general.architecture"]
        self.assertEqual(shown.modelinfo["general.parameter_count"], 134515008)
        self.assertEqual(shown.modelinfo[f"{architecture}.embedding_length"], 576)

    def test_ps_lists_what_was_used(self):
        ollama.generate(MODEL, "hi", options={"num_predict": 1}, keep_alive="10m")
        (running,) = ollama.ps().models
        self.assertEqual((running.name, running.model), (f"{MODEL}:latest", f"{MODEL}:latest"))
        left = running.expires_at - NOW
        self.assertLess(datetime.timedelta(minutes=8), left)
        self.assertLess(left, datetime.timedelta(minutes=20))
        self.assertGreaterEqual(running.size, 1)
        self.assertGreaterEqual(running.context_length, 1)
        self.assert_details(running.details)

    def test_ps_forgets_what_was_unloaded(self):
        ollama.generate(MODEL, "hi", options={"num_predict": 1})
        ollama.generate(MODEL, keep_alive=0)
        self.assertEqual(list(ollama.ps().models), [])

    def assert_details(self, details: ollama._types.ModelDetails) -> None:
        self.assertTrue(details.format)
        self.assertTrue(details.family)
        self.assertIn(details.family, details.families)
        self.assertEqual(details.parameter_size, "134.52M")
        self.assertEqual(details.quantization_level, "Q4_1")
