import type { ConfigFile } from "../../../src/config/schema.ts";
import type { Script } from "../../support/scripted-upstream.ts";
import type { Backend } from "./backends.ts";
import type { Expected } from "../fronts.ts";
import type { FrontName } from "./fronts.ts";

/** What follows from a fault, besides the client's answer. */
export interface Verdict {
  /**
   * Whether another backend is asked: always, never, or only with `failover.ambiguous`, because the
   * first may have done the work.
   */
  readonly retry: "safe" | "ambiguous" | "never";
  /** It counts as a failure of the backend. */
  readonly fails: boolean;
  /** Seconds that the backend, or its one key, is left alone at its own wish. */
  readonly rests?: number;
  /** Somebody has to do something. */
  readonly alarm?: true;
}

/** A row of the matrix in one of its forms. Its title begins with the row's id. */
export interface Fault {
  /** What backend `a` does, or is. */
  readonly backend: Script | (() => Promise<Backend>);
  /** What the client sees when `a` is all there is, and when no other backend is asked. */
  readonly expected: Expected;
  readonly verdict: Verdict;
  /** Default: `/api/chat` alone. */
  readonly fronts?: readonly FrontName[];
  /** Where the proxy must not have much patience. */
  readonly timeouts?: NonNullable<ConfigFile["timeouts"]>;
  /** What the log names as the cause. */
  readonly cause?: RegExp;
  /** Why the answer is not the one that the matrix planned; docs/decisions/0018-fault-matrix.md. */
  readonly decided?: string;
}

export type Faults = Readonly<Record<string, Fault>>;

/** A table made from another, entry by entry. */
export function rows<Entry>(
  entries: readonly Entry[],
  row: (entry: Entry) => readonly [title: string, fault: Fault],
): Faults {
  return Object.fromEntries(entries.map(row));
}

/** Backend `a` alone, or a good one beside it. */
export interface Setting {
  readonly name: string;
  readonly hasOther: boolean;
  readonly ambiguous: boolean;
}

/** One row in one form, on one route, in one setting. */
export interface Play {
  readonly title: string;
  readonly fault: Fault;
  readonly front: FrontName;
  readonly setting: Setting;
}

const alone: Setting = { name: "1U", hasOther: false, ambiguous: false };
const safely: Setting = { name: "2U", hasOther: true, ambiguous: false };
const boldly: Setting = { name: "2U, ambiguous", hasOther: true, ambiguous: true };

/** What is never asked again is not asked again even by the boldest proxy. */
const settings: Readonly<Record<Verdict["retry"], readonly Setting[]>> = {
  safe: [alone, safely],
  ambiguous: [alone, safely, boldly],
  never: [alone, boldly],
};

export function playsOf(faults: Faults): Play[] {
  return Object.entries(faults).flatMap(([title, fault]) =>
    (fault.fronts ?? ["chat"]).flatMap((front) =>
      settings[fault.verdict.retry].map((setting) => ({
        title: `${title} · ${front} · ${setting.name}`,
        fault,
        front,
        setting,
      })),
    ),
  );
}

/** Whether the other backend is asked. */
export function isRetried({ setting, fault }: Play): boolean {
  const { retry } = fault.verdict;
  return setting.hasOther && (retry === "safe" || (retry === "ambiguous" && setting.ambiguous));
}

/** The defaults divided by about a thousand: for a backend that falls silent. */
export const hasty = { first_byte: 0.5, idle: 0.3, idle_data: 0.6 };

/** It could not answer, and no work was done: somebody else may. */
export const safe: Verdict = { retry: "safe", fails: true };
/** It may have done the work all the same. */
export const ambiguous: Verdict = { retry: "ambiguous", fails: true };
/** The client's own fault, or no fault at all. */
export const blameless: Verdict = { retry: "never", fails: false };
/** The answer had begun. */
export const broken: Verdict = { retry: "never", fails: true };
/** It is well, and has not got what was asked for. */
export const elsewhere: Verdict = { retry: "safe", fails: false };

/** It asked for a pause. */
export function limited(seconds: number): Verdict {
  return { retry: "safe", fails: false, rests: seconds };
}

/** Its key does not work; a minute of rest. */
export const keyless: Verdict = { retry: "safe", fails: false, rests: 60, alarm: true };

export const invalid: Expected = {
  refused: 502,
  error: 'upstream "a" returned an invalid response',
};
export const unreachable: Expected = { refused: 502, error: 'upstream "a" is unreachable' };
export const late: Expected = { refused: 504, error: 'upstream "a" did not respond in time' };
export const rejected: Expected = {
  refused: 502,
  error: `upstream "a" rejected the proxy's credentials`,
};

export function refused(status: number, error: string, retryAfter?: string): Expected {
  return { refused: status, error, ...(retryAfter === undefined ? {} : { retryAfter }) };
}

/** After the five tokens. */
export function cut(reason: string): Expected {
  return { cut: reason, after: "12345" };
}

export function whole(text: string, reason = "stop"): Expected {
  return { text, reason };
}
