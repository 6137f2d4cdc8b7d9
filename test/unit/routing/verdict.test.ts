import { expect, test } from "vitest";
import {
  contextOverflow,
  noHealthyUpstream,
  ProxyError,
  serverBusy,
  toProxyError,
} from "../../../src/errors.ts";
import { verdictOn, type Verdict } from "../../../src/routing/verdict.ts";
import { Failures } from "../../../src/upstream/failures.ts";

const failures = new Failures("a", []);
const ofClients = new Failures("a", [], true);

const refused = (status: number, retryAfter?: string, error: object = { message: "no" }) =>
  failures.refused(status, "", JSON.stringify({ error }), retryAfter);

/** Another backend may be asked; it has failed, or it has not. */
const safe: Verdict = { retry: "safe", fails: true };
const elsewhere: Verdict = { retry: "safe", fails: false };
/** Another backend may be asked where it is all the same who is paid. */
const unclear: Verdict = { retry: "ambiguous", fails: true };
const never: Verdict = { retry: "never", fails: false };

const limited = (seconds: number): Verdict => ({
  ...elsewhere,
  rests: "key",
  restFor: seconds * 1000,
});
const alarming = (seconds: number): Verdict => ({ ...limited(seconds), alarm: true });

test.for<[what: string, error: ProxyError, verdict: Verdict]>([
  ["no connection", failures.unreachable(), safe],
  ["a redirect", refused(302), safe],
  ["a web page, or no HTTP at all", failures.foreign(), safe],
  ["408", refused(408), safe],
  ["502", refused(502), safe],
  ["503", refused(503), safe],
  ["529", refused(529), safe],
  ["503 that asks for a pause", refused(503, "7"), { ...safe, rests: "upstream", restFor: 7_000 }],
  [
    "529 that asks for a pause",
    refused(529, "1e9"),
    { ...safe, rests: "upstream", restFor: 5_000 },
  ],

  ["a reset", failures.reset(), unclear],
  ["an answer that was cut", failures.cut(), unclear],
  ["an answer that can't be read", failures.malformed(), unclear],
  ["silence", failures.silent(60), unclear],
  ["500", refused(500), unclear],
  ["501", refused(501), unclear],
  ["504", refused(504), unclear],
  ["520", refused(520), unclear],

  ["429", refused(429), limited(5)],
  ["429 that says for how long", refused(429, "20"), limited(20)],
  ["429 for less than a second", refused(429, "-5"), limited(1)],
  ["429 for a day", refused(429, "86400"), limited(300)],
  ["429 of no quota", refused(429, undefined, { code: "insufficient_quota" }), alarming(60)],
  ["429 of no quota for longer", refused(429, "99", { code: "insufficient_quota" }), alarming(99)],

  ["401", refused(401), alarming(60)],
  ["402", refused(402), alarming(60)],
  ["403", refused(403), alarming(60)],
  ["407", refused(407), alarming(60)],
  ["400 about the key", refused(400, undefined, { message: "API key not valid." }), alarming(60)],
  ["401 of the caller's key", ofClients.refused(401, "", "{}"), never],
  ["403 of the caller's key", ofClients.refused(403, "", "{}"), never],

  ["404", refused(404), elsewhere],
  ["400", refused(400), never],
  ["405", refused(405), never],
  ["413", refused(413), never],
  ["422", refused(422), never],
  ["451", refused(451), never],
  ["a prompt that is too long", contextOverflow(), never],
  ["no room here", serverBusy(), never],
  ["nobody to ask", noHealthyUpstream("m", 1), never],
  ["a client that left", new ProxyError("client_closed", ""), never],
  ["the end of this process", new ProxyError("shutting_down", ""), never],
  ["a fault of our own", toProxyError(new Error("oops")), never],
])("%s", ([, error, verdict]) => {
  expect(verdictOn(error)).toEqual(verdict);
});
