import unittest

from backend import MODEL, Answer

METRICS = [
    "total_duration",
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
]


class CanCheckStreams(unittest.TestCase):
    def assert_stream(self, parts: list, direct: Answer) -> None:
        """Many parts that are not done, then exactly one that is."""
        self.assertEqual([part.done for part in parts], [False] * (len(parts) - 1) + [True])
        self.assertEqual({part.created_at for part in parts}, {parts[0].created_at})
        for part in parts[:-1]:
            self.assertIsNone(part.total_duration)
        self.assert_end(parts[-1], direct)

    def assert_end(self, part, direct: Answer) -> None:
        self.assertIs(part.done, True)
        self.assertEqual(part.model, MODEL)
        self.assertEqual(part.done_reason, direct.finish_reason)
        for name in METRICS:
            self.assertGreaterEqual(getattr(part, name), 1, name)
        self.assertEqual(part.prompt_eval_count, direct.usage["prompt_tokens"])
        self.assertEqual(part.eval_count, direct.usage["completion_tokens"])

    def assert_logprobs(self, logprobs, direct: Answer, top: int) -> None:
        self.assertEqual(
            [entry.token for entry in logprobs], [entry["token"] for entry in direct.logprobs]
        )
        for ours, theirs in zip(logprobs, direct.logprobs):
            self.assertAlmostEqual(ours.logprob, theirs["logprob"], places=3)
            tops = [entry.token for entry in ours.top_logprobs or []]
            self.assertEqual(tops, [entry["token"] for entry in theirs["top_logprobs"][:top]])
