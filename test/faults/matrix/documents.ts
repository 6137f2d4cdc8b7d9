import type { Script, Step } from "../../support/scripted-upstream.ts";
import { A_MOMENT, events, FIVE, raw } from "./backend-scripts.ts";
import { ambiguous, broken, invalid, type Faults } from "./fault.ts";

const TYPE = { "content-type": "application/json" };
const HALF = '{ "object": "list",\n"data": [{"index":0,"embedd';
const RAW_HALF = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n${HALF}`;

function document(...steps: Step[]): Script {
  return { headers: TYPE, steps };
}

const nothing = "F-52 nothing";
const fronts = ["embed", "openai whole"] as const;

/** 5C where the answer is one document: with its first byte it has begun, and nobody else is asked. */
export const documents: Faults = Object.fromEntries(
  Object.entries<Script>({
    "F-50 RST in a document": document(HALF, A_MOMENT, { reset: true }),
    "F-51 FIN inside a chunk of a document": document(HALF, A_MOMENT, { destroy: true }),
    "F-51 FIN before the announced length": raw(RAW_HALF),
    "F-52 half a document": document(HALF),
    "F-52 half a document, unframed": { headers: TYPE, unframed: true, steps: [HALF] },
    "F-50 RST in a document that claims to be a stream": events(HALF, A_MOMENT, { reset: true }),
    "F-52 half a document that claims to be a stream": events(HALF),
    "F-52 a stream without a finish": events(FIVE),
    [nothing]: events(),
    "F-59 a document that is text": document("hello"),
    "F-59 a document that is a list": document("[]"),
    "F-59 text that claims to be a stream": events("hello"),
    "F-59 a list that claims to be a stream": events("[]"),
  }).map(([title, backend]) => [
    title,
    { backend, expected: invalid, verdict: title === nothing ? ambiguous : broken, fronts },
  ]),
);
