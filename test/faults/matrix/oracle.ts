import { expect } from "vitest";
import { call } from "../../server/call.ts";
import { until } from "../waiting.ts";
import { FROM_B } from "./backends.ts";
import type { Answer, Expected } from "../fronts.ts";
import { blameless, isRetried, unreachable, whole, type Play } from "./fault.ts";
import { fronts } from "./fronts.ts";
import type { Stage } from "./stage.ts";

/** What keeps this process alive, counted by kind. */
type Resources = Readonly<Record<string, number>>;

const warnings: string[] = [];
process.on("warning", ({ message }) => warnings.push(message));

export function resources(): Resources {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/** What the client got, and whom it was told of. */
export function judgeAnswer(play: Play, answer: Answer): void {
  const retried = isRetried(play);
  fronts[play.front].check(answer, retried ? whole(FROM_B) : play.fault.expected);
  expect(answer.headers.get("x-proxy-upstream")).toBe(retried ? "b" : "a");
  expect(answer.headers.get("x-proxy-attempts")).toBe(retried ? "2" : "1");
}

/** What each backend was asked, and that nothing of it goes on. */
export async function judgeBackends(play: Play, { a, b }: Stage): Promise<void> {
  await until("the connection to the backend is closed or idle", () => a.isIdle());
  const isAsked = a.recover !== undefined || play.fault.verdict === blameless;
  expect(a.requests).toHaveLength(isAsked ? 1 : 0);
  expect(a.connections()).toBeLessThanOrEqual(1);
  if (b !== undefined) expect(b.requests).toHaveLength(isRetried(play) ? 1 : 0);
}

/** What `/state` tells of a backend, as far as it matters here. */
interface UpstreamState {
  readonly id: string;
  readonly circuit: { readonly state: string };
  readonly keys: readonly { readonly rests_s?: number }[];
  readonly rests_s?: number;
  readonly running: number;
  readonly queued: number;
}

/** What the proxy thinks of `a` now, as operators see it. */
export async function judgeHealth(play: Play, stage: Stage): Promise<void> {
  const { fails, rests = 0, alarm = false } = play.fault.verdict;
  const { circuit, keys, rests_s = 0, running, queued } = await stateOf("a", stage.adminPort);
  const { body: metrics } = await call({ port: stage.adminPort, path: "/metrics" });
  const isKeyResting = keys.some((key) => key.rests_s !== undefined);
  expect({
    circuit: circuit.state,
    rests: rests_s > 0,
    isKeyResting,
    alarm: figureOf(metrics, 'ollama_proxy_alarm{upstream="a"') > 0,
    ambiguous: figureOf(metrics, 'ollama_proxy_ambiguous_retries_total{upstream="a"'),
    underWay: running + queued,
  }).toEqual({
    circuit: fails ? "open" : "closed",
    rests: rests > 0,
    isKeyResting: rests > 0 && !fails,
    alarm,
    ambiguous: play.fault.verdict.retry === "ambiguous" && isRetried(play) ? 1 : 0,
    underWay: 0,
  });
  expect(rests_s).toBeLessThanOrEqual(rests);
  expect(rests_s).toBeGreaterThanOrEqual(rests - 5);
}

export async function stateOf(id: string, adminPort: number): Promise<UpstreamState> {
  const { body } = await call({ port: adminPort, path: "/state" });
  const { upstreams } = JSON.parse(body) as { upstreams: readonly UpstreamState[] };
  const state = upstreams.find((upstream) => upstream.id === id);
  if (state === undefined) throw new Error(`no upstream ${id} in ${body}`);
  return state;
}

/** The first figure whose line begins so; 0 where there is none. */
function figureOf(metrics: string, start: string): number {
  const line = metrics.split("\n").find((each) => each.startsWith(start));
  return Number(line?.slice(line.lastIndexOf(" ") + 1) ?? 0);
}

/** The same client asks again: the connection is as good as new, and what was learned holds. */
export async function judgeNext(play: Play, stage: Stage): Promise<Answer> {
  const { a, b, client } = stage;
  a.recover?.();
  const before = a.requests.length;
  const { path, body, check } = fronts.chat;
  const answer = await client.ask(path, body);
  expect(answer.reused).toBe(true);
  const recovers = a.recover !== undefined || play.fault.verdict === blameless;
  const { expected, asked } = expectedNext(play, recovers);
  check(answer, withRemaining(expected, answer));
  expect(a.requests).toHaveLength(before + (asked === "a" && recovers ? 1 : 0));
  if (b !== undefined) expect(answer.headers.get("x-proxy-upstream")).toBe(asked);
  return answer;
}

/** Whoever failed or asked for a rest is not asked again; where it is all there is, it may be. */
function expectedNext(
  { setting, fault: { verdict, expected } }: Play,
  recovers: boolean,
): { expected: Expected; asked: "a" | "b" | undefined } {
  const isLeftAlone = verdict.fails || verdict.rests !== undefined;
  if (setting.hasOther) {
    return isLeftAlone || !recovers
      ? { expected: whole(FROM_B), asked: "b" }
      : { expected: whole("well"), asked: "a" };
  }
  if (verdict.rests !== undefined) {
    return { expected: remembered(expected, verdict.rests), asked: undefined };
  }
  return { expected: recovers ? whole("well") : unreachable, asked: "a" };
}

/** Who rests is not asked: what it said is told again, with the seconds that are left. */
function remembered(expected: Expected, seconds: number): Expected {
  if (!("retryAfter" in expected)) return expected;
  return { ...expected, retryAfter: String(seconds) };
}

/** Some of the seconds may be over. */
function withRemaining(expected: Expected, { headers }: Answer): Expected {
  const left = headers.get("retry-after");
  if (!("refused" in expected) || expected.retryAfter === undefined || left === null) {
    return expected;
  }
  const all = Number(expected.retryAfter);
  expect(Number(left)).toBeLessThanOrEqual(all);
  expect(Number(left)).toBeGreaterThanOrEqual(Math.max(1, all - 5));
  return { ...expected, retryAfter: left };
}

/** Operators are told why. */
export function judgeLog({ fault, setting }: Play, { proxy }: Stage): void {
  if (fault.cause === undefined || setting.hasOther) return;
  const causes = proxy.logs.flatMap(({ cause }) => (typeof cause === "string" ? [cause] : []));
  expect(causes).toEqual([expect.stringMatching(fault.cause)]);
}

/** No key in anything that leaves the proxy, no error in its log but an alarm, no warning of Node's. */
export async function judgeOutput(
  { proxy, adminPort }: Stage,
  answers: readonly Answer[],
  isAlarm: boolean,
): Promise<void> {
  const told = await Promise.all(
    ["/metrics", "/state"].map((path) => call({ port: adminPort, path })),
  );
  expect(JSON.stringify([answers.map(spread), told, proxy.logs])).not.toContain("CANARY");
  const errors = proxy.logs.filter(({ level }) => level === "error");
  const alarm = "a key does not work, and somebody has to see to it";
  expect(errors).toMatchObject(isAlarm ? [{ msg: alarm, upstream: "a" }] : []);
  expect(warnings).toEqual([]);
}

/** Headers are not told by themselves. */
function spread({ headers, body }: Answer): unknown {
  return [[...headers], body];
}

/**
 * Nothing is open but what the stage itself is: its listeners, the client's connection, and idle
 * connections to backends.
 * @param before as it was when only backend `a` was there
 */
export async function judgeResources(
  { a, b }: Stage,
  before: Resources,
  clients = 1,
): Promise<void> {
  const allowed = (): Record<string, number> => ({
    ...before,
    ...a.leaves,
    TCPServerWrap: (before["TCPServerWrap"] ?? 0) + (b === undefined ? 2 : 3),
    TCPSocketWrap:
      (before["TCPSocketWrap"] ?? 0) +
      2 * (clients + a.connections() + (b === undefined ? 0 : b.connections())),
  });
  const isClean = () => {
    const most = allowed();
    return Object.entries(resources()).every(([kind, count]) => count <= (most[kind] ?? 0));
  };
  await until("nothing is left over", isClean).catch((error: unknown) => {
    const text = `${JSON.stringify(resources())} is more than ${JSON.stringify(allowed())}`;
    throw new Error(text, { cause: error });
  });
}
