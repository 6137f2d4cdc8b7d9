import { setTimeout as sleep } from "node:timers/promises";
import type { Config } from "../config/schema.ts";
import { ProxyError, type ErrorCode } from "../errors.ts";
import { kindOfRefusal } from "../openai/refusals.ts";
import type { Admission } from "../upstream/circuit.ts";
import type { ApiKey } from "../upstream/key-ring.ts";
import { waitForSlot } from "../upstream/slots.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { whyNobody } from "./why-nobody.ts";
import type { Target } from "./resolve.ts";
import type { RetryBudget } from "./retry-budget.ts";
import { verdictOn } from "./verdict.ts";

/** Milliseconds before the same backend is asked again, at least and at most. */
const backOff = { least: 25, most: 250 };

/** A try that failed and was followed by another. */
export interface Retry {
  /** The backend that failed. */
  readonly upstream: string;
  readonly code: ErrorCode;
  /** It may have done the work, and billed it. */
  readonly ambiguous: boolean;
}

/** One try: a place at a backend, until `end`. */
export interface Lease {
  readonly target: Target;
  readonly key: Pick<ApiKey, "secret">;
  /** Milliseconds that the backend may be silent. */
  readonly firstByte: number;
  /** Milliseconds until the first word, whatever it says before. */
  readonly firstWord: number;
  /** The first word came: from here on there is no other try. */
  answered(): void;
  /** It can't be asked this, and was not: no try. */
  pass(): void;
  /** Whatever comes first counts. */
  end(outcome: "ok" | "left" | ProxyError): void;
}

export interface AttemptsOptions {
  /** The model, as the client spelled it. */
  readonly model: string;
  /** Where to ask, best first; each tier only when the one before it can't answer. */
  readonly tiers: readonly (readonly Target[])[];
  readonly failover: Config["failover"];
  readonly budget: RetryBudget;
  /** The caller's own, for backends that want it. */
  readonly clientKey: string | undefined;
  /** Aborts when the client leaves or the server ends; its reason is thrown. */
  readonly signal: AbortSignal;
  /** A backend does not have a model that was listed. */
  readonly onMissing: (upstream: Upstream) => void;
  readonly onClose: () => void;
}

/** Stands for the caller's key among those that were tried. */
const clientKeyMark: ApiKey = { place: 0, secret: undefined };

/** The tries of one request: who is asked next, and whether anybody is. */
export class Attempts {
  readonly retries: Retry[] = [];
  readonly #options: AttemptsOptions;
  readonly #deadline: number;
  /** With which keys each was asked. */
  readonly #tried = new Map<Target, Set<ApiKey>>();
  /** Those whose failure had nothing to do with the key. */
  readonly #spent = new Set<Target>();
  #tries = 0;
  /** Whether one of the model's retries is under way here. */
  #retrying = false;
  /** Whether one backend was asked although another may have done the work. */
  #wasAmbiguous = false;

  constructor(options: AttemptsOptions) {
    this.#options = options;
    this.#deadline = performance.now() + options.failover.deadline;
    options.budget.begin();
  }

  /** No other try follows. */
  close(): void {
    const { budget } = this.#options;
    if (this.#retrying) budget.endRetry();
    budget.end();
    this.#options.onClose();
  }

  /**
   * A place at the best backend there is; waits where all are busy.
   * @throws ProxyError when there is none, and the signal's reason
   */
  async first(): Promise<Lease> {
    return (await this.#next()) ?? this.#lastResort();
  }

  /**
   * A place for another try, or undefined where there is to be none.
   * @throws the signal's reason
   */
  async after(failure: ProxyError, { target }: Lease): Promise<Lease | undefined> {
    if (!this.#mayFollow(failure) || this.#best() === undefined) return undefined;
    this.#retrying ||= this.#options.budget.takeRetry();
    if (!this.#retrying) return undefined;
    const ambiguous = verdictOn(failure).retry === "ambiguous";
    this.#wasAmbiguous ||= ambiguous;
    const lease = await this.instead();
    if (lease !== undefined) {
      this.retries.push({ upstream: target.model.upstream.id, code: failure.code, ambiguous });
    }
    return lease;
  }

  /**
   * A place in another's stead, or undefined where nobody has room: then what went wrong before is told.
   * @throws the signal's reason
   */
  async instead(): Promise<Lease | undefined> {
    try {
      return await this.#next();
    } catch (error) {
      if (isBusy(error)) return undefined;
      throw error;
    }
  }

  /** Work that may have been paid for is given to one other backend, and only where that is wanted. */
  #mayFollow(failure: ProxyError): boolean {
    const { failover, signal } = this.#options;
    const { retry } = verdictOn(failure);
    if (signal.aborted || this.#tries >= failover.attempts || this.#timeLeft <= 0) return false;
    if (retry !== "ambiguous") return retry === "safe";
    return failover.ambiguous && !this.#wasAmbiguous;
  }

  get #timeLeft(): number {
    return this.#deadline - performance.now();
  }

  async #next(): Promise<Lease | undefined> {
    const { signal } = this.#options;
    let paused = false;
    let busy: ProxyError | undefined;
    for (;;) {
      signal.throwIfAborted();
      const tier = this.#best();
      const first = tier?.[0];
      if (tier === undefined || first === undefined) {
        if (busy !== undefined) throw busy;
        return undefined;
      }
      if (!paused && this.#wasAsked(first.model.upstream)) {
        await pause(signal);
        paused = true;
        continue;
      }
      try {
        const lease = this.#lease(await this.#seat(tier));
        if (lease !== undefined) return lease;
      } catch (error) {
        if (!isBusy(error)) throw error;
        // Its queues were full, or took too long: the next tier may have room.
        busy = error;
        for (const target of tier) this.#spent.add(target);
      }
    }
  }

  /**
   * Who of the best tier can be asked now. A tier without room is no better than the next, and the
   * last try is not for a tier that has failed before.
   */
  #best(): readonly Target[] | undefined {
    const isLast = this.#tries > 0 && this.#tries === this.#options.failover.attempts - 1;
    const wasAsked = (tier: readonly Target[]) => tier.some((target) => this.#tried.has(target));
    const usable = this.#options.tiers
      .map((tier) => ({
        targets: tier.filter((target) => this.#isUsable(target)),
        isTired: isLast && wasAsked(tier),
      }))
      .filter(({ targets }) => targets.length > 0)
      .toSorted((a, b) => Number(a.isTired) - Number(b.isTired))
      .map(({ targets }) => targets);
    return (
      usable.find((tier) => tier.some(({ model }) => model.upstream.slots.hasPlace)) ?? usable[0]
    );
  }

  #isUsable(target: Target): boolean {
    const { circuit, resting } = target.model.upstream;
    if (this.#spent.has(target)) return false;
    return circuit.admits && resting === undefined && this.#hasKey(target);
  }

  #hasKey(target: Target): boolean {
    const { keys, usesClientKey } = target.model.upstream;
    const tried = this.#tried.get(target);
    return usesClientKey ? tried === undefined : keys.offers(tried);
  }

  #wasAsked(upstream: Upstream): boolean {
    return [...this.#tried.keys()].some(({ model }) => model.upstream === upstream);
  }

  /** The target whose slot is taken now. */
  async #seat(tier: readonly Target[]): Promise<Target> {
    const free = tier.find(({ model }) => model.upstream.slots.tryTake());
    if (free !== undefined) return free;
    const upstreams = tier.map(({ model }) => model.upstream);
    const patience = Math.max(...upstreams.map(({ limits }) => limits.queue_timeout));
    const queues = [...new Set(upstreams.map(({ slots }) => slots))];
    const given = await waitForSlot(
      queues,
      Math.min(patience, this.#timeLeft),
      this.#options.signal,
    );
    const seated = tier.find(({ model }) => model.upstream.slots === given);
    if (seated === undefined) throw new Error("a slot of another backend");
    return seated;
  }

  /** Passes the circuit and takes a key, or gives the slot back: things may have changed in the queue. */
  #lease(target: Target, lastResort = false): Lease | undefined {
    const { upstream } = target.model;
    const tried = this.#tried.get(target) ?? new Set();
    const admission = this.#hasKey(target) ? upstream.circuit.admit(lastResort) : undefined;
    const key = upstream.usesClientKey ? clientKeyMark : upstream.keys.take(tried);
    if (key === undefined || admission === undefined) {
      admission?.release();
      upstream.slots.release();
      return undefined;
    }
    this.#tried.set(target, tried.add(key));
    this.#tries += 1;
    const end = once((outcome: "ok" | "left" | ProxyError) => {
      upstream.slots.release();
      if (outcome === "ok") admission.succeed();
      else if (outcome === "left") admission.release();
      else this.#conclude(outcome, target, key, admission);
    });
    return {
      target,
      key: upstream.usesClientKey ? { secret: this.#options.clientKey } : key,
      ...this.#patience(upstream),
      answered: () => admission.answered(),
      end,
      pass: () => {
        this.#tries -= 1;
        this.#spent.add(target);
        end("left");
      },
    };
  }

  /** A backend may be silent for long, unless another can still take over or has done so. */
  #patience(upstream: Upstream): Pick<Lease, "firstByte" | "firstWord"> {
    const { timeouts } = upstream;
    const { ambiguous, first_byte, attempts } = this.#options.failover;
    const mayLeave = ambiguous && !this.#wasAmbiguous && this.#tries < attempts;
    const others = mayLeave && this.#hasOther(upstream);
    if (!others && this.#tries === 1) {
      return { firstByte: timeouts.first_byte, firstWord: Number.POSITIVE_INFINITY };
    }
    const firstWord = Math.max(1, this.#timeLeft);
    const longest = Math.min(timeouts.first_byte, firstWord);
    return { firstByte: others ? Math.min(first_byte, longest) : longest, firstWord };
  }

  #hasOther(upstream: Upstream): boolean {
    const targets = this.#options.tiers.flat();
    return targets.some((target) => target.model.upstream !== upstream && this.#isUsable(target));
  }

  #conclude(failure: ProxyError, target: Target, key: ApiKey, admission: Admission): void {
    const { upstream } = target.model;
    const { fails, rests, alarm = false, ...verdict } = verdictOn(failure);
    const restFor = Math.min(verdict.restFor ?? 0, this.#options.failover.max_rest);
    if (fails) admission.fail();
    else admission.release();
    if (rests !== "key") this.#spent.add(target);
    if (rests === "upstream") upstream.rest(restFor, failure);
    if (rests === "key" && key !== clientKeyMark) upstream.restKey(key, restFor, failure, alarm);
    if (isAboutModel(failure)) this.#options.onMissing(upstream);
  }

  /** All are failing or resting. One request a second still tries the first that fails. */
  #lastResort(): Lease {
    const targets = this.#options.tiers.flat();
    const first = targets.find(
      (target) => target.model.upstream.resting === undefined && this.#hasKey(target),
    );
    const hasSlot = first?.model.upstream.slots.tryTake() === true;
    const lease = hasSlot ? this.#lease(first, true) : undefined;
    if (lease !== undefined) return lease;
    throw whyNobody(
      this.#options.model,
      targets.map(({ model }) => model.upstream),
    );
  }
}

/** A 404 may be about the route as well. */
function isAboutModel({ status, refusal }: ProxyError): boolean {
  if (status !== 404 || refusal === undefined) return false;
  return kindOfRefusal(refusal) === "model" || /model|deployment/i.test(refusal.message);
}

function isBusy(error: unknown): error is ProxyError {
  return error instanceof ProxyError && error.code === "server_busy";
}

async function pause(signal: AbortSignal): Promise<void> {
  const { least, most } = backOff;
  await sleep(least + Math.random() * (most - least), undefined, { signal }).catch(() => {});
}

function once<Value>(action: (value: Value) => void): (value: Value) => void {
  let done = false;
  return (value) => {
    if (done) return;
    done = true;
    action(value);
  };
}
