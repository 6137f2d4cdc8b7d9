import type { ErrorCode, ProxyError } from "../errors.ts";

/** One key of a backend; one without a secret where there is no key. */
export interface ApiKey {
  /** Among the configured keys, from 1: keys are spoken of by it, never by what they are. 0 for none. */
  readonly place: number;
  readonly secret: string | undefined;
}

export interface Rest {
  /** Monotonic milliseconds. */
  readonly until: number;
  readonly error: ProxyError;
}

/** Milliseconds that an alarm is seen for at least, however short the rest. */
const leastAlarm = 60_000;

interface KeyState {
  readonly key: number;
  readonly rests_s?: number;
  readonly because?: ErrorCode;
}

/** The keys of one backend, used in turn; one that was limited or rejected rests for a while. */
export class KeyRing {
  readonly #keys: readonly ApiKey[];
  readonly #now: () => number;
  readonly #rests = new Map<ApiKey, Rest>();
  /** By secret. */
  readonly #alarms = new Map<ApiKey["secret"], Rest>();
  #next = 0;

  constructor(secrets: readonly string[], now: () => number = () => performance.now()) {
    const keys = secrets.map((secret, index) => ({ place: index + 1, secret }));
    this.#keys = keys.length === 0 ? [{ place: 0, secret: undefined }] : keys;
    this.#now = now;
  }

  /** The next key in turn that doesn't rest and was not tried. */
  take(tried?: ReadonlySet<ApiKey>): ApiKey | undefined {
    const inTurn = [...this.#keys.slice(this.#next), ...this.#keys.slice(0, this.#next)];
    const key = inTurn.find(
      (candidate) => tried?.has(candidate) !== true && this.#restOf(candidate) === undefined,
    );
    if (key !== undefined) this.#next = key.place % this.#keys.length;
    return key;
  }

  /** Whether `take` would find one. */
  offers(tried?: ReadonlySet<ApiKey>): boolean {
    return this.#keys.some((key) => tried?.has(key) !== true && this.#restOf(key) === undefined);
  }

  /** A rest that ends sooner than the one under way changes nothing. */
  rest(key: ApiKey, milliseconds: number, error: ProxyError): void {
    const until = this.#now() + milliseconds;
    if (until > (this.#restOf(key)?.until ?? 0)) this.#rests.set(key, { until, error });
  }

  /** Somebody has to see to the key, or pay. */
  raiseAlarm({ secret }: ApiKey, milliseconds: number, error: ProxyError): void {
    this.#alarms.set(secret, { until: this.#now() + Math.max(milliseconds, leastAlarm), error });
  }

  /** Whatever was wrong with the key is over. */
  accepted(secret: ApiKey["secret"]): void {
    this.#alarms.delete(secret);
  }

  /** What is wrong with keys that somebody has to see to, one for each. */
  get alarms(): readonly ProxyError[] {
    const now = this.#now();
    return [...this.#alarms.values()].flatMap(({ until, error }) => (until > now ? error : []));
  }

  /** When all rest: the rest that ends first. */
  get resting(): Rest | undefined {
    const rests = this.#keys.flatMap((key) => this.#restOf(key) ?? []);
    if (rests.length < this.#keys.length) return undefined;
    return rests.reduce((first, rest) => (rest.until < first.until ? rest : first));
  }

  /** What operators see of each key. */
  list(): readonly KeyState[] {
    return this.#keys.map((key) => {
      const rest = this.#restOf(key);
      if (rest === undefined) return { key: key.place };
      const seconds = Math.ceil((rest.until - this.#now()) / 1000);
      return { key: key.place, rests_s: seconds, because: rest.error.code };
    });
  }

  #restOf(key: ApiKey): Rest | undefined {
    const rest = this.#rests.get(key);
    return rest !== undefined && rest.until > this.#now() ? rest : undefined;
  }
}
