"""Runs the tests beside this file and prints one line of JSON for each of them."""

import json
import pathlib
import sys
import traceback
import unittest


class JsonResult(unittest.TestResult):
    def report(self, test: unittest.TestCase, outcome: str, output: str = "") -> None:
        print(json.dumps({"name": test.id(), "outcome": outcome, "output": output}), flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.report(test, "passed")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.report(test, "failed", self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self.report(test, "failed", self.errors[-1][1])

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.report(subtest, "failed", "".join(traceback.format_exception(*err)))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.report(test, "skipped", reason)


def main() -> int:
    folder = pathlib.Path(__file__).parent
    suite = unittest.defaultTestLoader.discover(str(folder))
    return 0 if suite.run(JsonResult()).wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
