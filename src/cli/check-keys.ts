import type { Finding } from "./check-probes.ts";

/** Whether a backend takes a key, by all that was seen. */
export type KeyVerdict = "yes" | "rejected" | "not needed" | "unknown";

/** What became of a look at the model list, which costs no tokens. */
export type Look = "listed" | "rejected" | "failed" | "not asked";

/** A request for an answer, as far as it speaks of the key. */
export type KeyUse = "answered" | "rejected" | "none";

export interface KeyFacts {
  /** With each key in turn; a single one where there is no key. */
  readonly looks: readonly Look[];
  /** Whether the list is refused to who has no key; else it says nothing of one. */
  readonly isListGuarded: boolean;
  /** Which of the keys the model was asked with. */
  readonly used: number;
  readonly use: KeyUse;
  readonly hasKeys: boolean;
}

/** One verdict a key, by place. */
export function keyVerdicts(facts: KeyFacts): KeyVerdict[] {
  return facts.looks.map((look, place) => {
    const use = place === facts.used ? facts.use : "none";
    if (use === "answered") return facts.hasKeys ? "yes" : "not needed";
    if (use === "rejected" || look === "rejected") return "rejected";
    return look === "listed" && facts.isListGuarded && facts.hasKeys ? "yes" : "unknown";
  });
}

/** What failures upstream are called when a key is the reason. */
const rejection = /rejected the (?:proxy's credentials|client's key)/;

export function keyUse({ result, reason = "" }: Finding): KeyUse {
  if (result === "yes") return "answered";
  return rejection.test(reason) ? "rejected" : "none";
}
