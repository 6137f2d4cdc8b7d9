"""What the backend itself answers: the yardstick for every text that comes through the proxy."""

import json
import os
from dataclasses import dataclass, field

import httpx

MODEL = "smol"

_backend = httpx.Client(base_url=os.environ["BACKEND_URL"], timeout=60)


@dataclass
class Answer:
    content: str
    thinking: str
    finish_reason: str
    tool_calls: list = field(default_factory=list)
    logprobs: list = field(default_factory=list)
    usage: dict = field(default_factory=dict)

    def arguments(self) -> list:
        """Each tool call as the pair of its function's name and arguments."""
        functions = [call["function"] for call in self.tool_calls]
        return [(function["name"], json.loads(function["arguments"])) for function in functions]


def chat(messages: list, think: bool | None = None, **fields) -> Answer:
    if think is not None:
        fields["chat_template_kwargs"] = {"enable_thinking": think}
    body = {"model": MODEL, "messages": messages, "temperature": 0, **fields}
    response = _backend.post("chat/completions", json=body)
    response.raise_for_status()
    reply = response.json()
    choice = reply["choices"][0]
    message = choice["message"]
    return Answer(
        content=message.get("content") or "",
        thinking=message.get("reasoning_content") or "",
        finish_reason=choice["finish_reason"],
        tool_calls=message.get("tool_calls") or [],
        logprobs=(choice.get("logprobs") or {}).get("content") or [],
        usage=reply["usage"],
    )


def ask(prompt: str, **fields) -> Answer:
    return chat([{"role": "user", "content": prompt}], **fields)
