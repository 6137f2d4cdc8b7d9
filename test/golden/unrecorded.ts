interface Request {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

/** What was asked of real Ollama as well and not kept, by name of the recorded case after it. */
export const askedBefore: Readonly<Record<string, Request>> = {
  "delete-cleanup-t2": {
    method: "POST",
    path: "/api/create",
    body: '{"model": "t2", "from": "smol", "stream": false}',
  },
  "v1-models": { method: "DELETE", path: "/api/delete", body: '{"model": "t6"}' },
};
