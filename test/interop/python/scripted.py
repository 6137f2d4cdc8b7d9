"""The backend that answers what a test has written down for it, and the client in front of it."""

import os

import httpx
import ollama

MODEL = "m"

client = ollama.Client(os.environ["SCRIPTED_HOST"])
_backend = httpx.Client(base_url=os.environ["SCRIPTED_BACKEND"], timeout=60)


def script(*replies: dict) -> None:
    """Says what the backend answers from now on; see support/scripted-backend.ts."""
    _backend.post("/script", json=replies).raise_for_status()


def received() -> list:
    """What the backend was asked since."""
    response = _backend.post("/received")
    response.raise_for_status()
    return response.json()
