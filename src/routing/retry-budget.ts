/** Retries that may always be under way. */
const least = 3;

/** How many of a model's requests may be retries: failing backends must not get twice the load. */
export class RetryBudget {
  readonly #share: number;
  #requests = 0;
  #retries = 0;

  /** @param share of the requests under way */
  constructor(share: number) {
    this.#share = share;
  }

  /** Whether no request is under way. */
  get isIdle(): boolean {
    return this.#requests === 0;
  }

  begin(): void {
    this.#requests += 1;
  }

  end(): void {
    this.#requests -= 1;
  }

  /** @returns whether there was one left; then `endRetry` gives it back */
  takeRetry(): boolean {
    if (this.#retries + 1 > Math.max(least, this.#share * this.#requests)) return false;
    this.#retries += 1;
    return true;
  }

  endRetry(): void {
    this.#retries -= 1;
  }
}
