import { documentFronts, fronts as textFronts, type Answer, type Expected } from "../fronts.ts";

export type FrontName = keyof typeof textFronts | keyof typeof documentFronts;

/** One way to ask, with its question. */
export interface AskedFront {
  readonly path: string;
  readonly body: object;
  readonly check: (answer: Answer, expected: Expected) => void;
}

const all = { ...textFronts, ...documentFronts };

export const fronts = Object.fromEntries(
  Object.entries(all).map(([name, { path, body, check }]) => [
    name,
    { path, body: body("hi"), check },
  ]),
) as Readonly<Record<FrontName, AskedFront>>;

/** What the marked rows of the matrix are played on. */
export const everywhere: readonly FrontName[] = ["chat", "generate", "whole", "embed", "openai"];
/** The same where only text can come. */
export const everyText: readonly FrontName[] = ["chat", "generate", "whole", "openai"];
