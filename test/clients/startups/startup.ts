import type { Script } from "../../support/scripted-upstream.ts";
import type { Answer } from "./ask.ts";

/** How a real client begins, and one turn of a conversation with it. */
export interface Startup {
  client: string;
  /** Where its requests and what it reads were looked up. */
  source: string;
  /** Sent with each request. */
  headers?: Record<string, string>;
  /** In the order in which the client asks. */
  steps: Step[];
}

export interface Step {
  /** Method and path: `GET /api/tags`. */
  asks: string;
  headers?: Record<string, string>;
  /** An object is sent as JSON. A function makes one for each model that was listed. */
  body?: object | ((model: string) => object);
  /** Asks once for each listed model at the same time. */
  each?: (model: string) => boolean;
  /** What the backend answers, where it is to be asked. */
  backend?: Script;
  /** What the backend must then be sent, in part. */
  backendIsSent?: object;
  /** Reads the answer as strictly as the client does, and throws where the client would fail. */
  reads: (answer: Answer) => unknown;
  /** What the client then knows: a listing's names, with `each` the value by the model's name. */
  finds: unknown;
  /** What is found are the names of the models that the steps with `each` ask for. */
  lists?: true;
}
