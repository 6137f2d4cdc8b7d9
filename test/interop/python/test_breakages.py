"""What backends send that has broken this client behind other servers. None of it may reach it."""

import json
import pathlib
import unittest

import ollama
from scripted import MODEL, client, script

ROWS = json.loads((pathlib.Path(__file__).parent.parent / "breakages.json").read_text())
MESSAGES = [{"role": "user", "content": "What is it like in Rome?"}]


def ask(stream: bool) -> list:
    answer = client.chat(MODEL, MESSAGES, stream=stream)
    return list(answer) if stream else [answer]


class BreakagesTest(unittest.TestCase):
    pass


def add_test(row: dict, stream: bool) -> None:
    def test(self: unittest.TestCase) -> None:
        script(row["reply"])
        if "failure" in row:
            with self.assertRaises(ollama.ResponseError) as caught:
                ask(stream)
            self.assertIn(row["failure"], caught.exception.error)
            return
        parts = ask(stream)
        self.assertEqual([part.done for part in parts], [False] * (len(parts) - 1) + [True])
        self.assertEqual(parts[-1].done_reason, "stop")
        self.assertGreater(parts[-1].eval_count, 0)
        self.assertGreater(parts[-1].total_duration, 0)
        if "text" in row:
            self.assertEqual("".join(part.message.content for part in parts), row["text"])
        functions = [call.function for part in parts for call in part.message.tool_calls or []]
        self.assertEqual(
            [{"name": called.name, "arguments": dict(called.arguments)} for called in functions],
            row.get("calls", []),
        )

    way = "streamed" if stream else "whole"
    setattr(BreakagesTest, f"test_{row['name']}, {way}", test)


for _row in ROWS:
    for _stream in (False, True):
        add_test(_row, _stream)
