import { randomUUID } from "node:crypto";

/** What a route answers: one object, or the events of a stream. */
export type Answer = { readonly json: object } | { readonly events: Iterable<object> };

/** What all objects of one answer have in common. */
export interface AnswerHead {
  readonly id: string;
  readonly created: number;
  readonly model: string;
}

export function createHead(prefix: string, model: string): AnswerHead {
  return { id: `${prefix}-${randomUUID()}`, created: Math.floor(Date.now() / 1000), model };
}
