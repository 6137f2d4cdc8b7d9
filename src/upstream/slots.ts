import type { Limits } from "../config/schema.ts";
import { serverBusy } from "../errors.ts";

/** Takes the slot that came free. */
type Waiter = (slots: Slots) => void;

/** How many requests one backend answers at the same time, and who waits for it. */
export class Slots {
  readonly #concurrent: number;
  readonly #queue: number;
  /** Longest first: a set keeps the order, and anyone can leave it. */
  readonly #waiters = new Set<Waiter>();
  #running = 0;

  constructor({ concurrent, queue }: Pick<Limits, "concurrent" | "queue">) {
    this.#concurrent = concurrent;
    this.#queue = queue;
  }

  get running(): number {
    return this.#running;
  }

  get queued(): number {
    return this.#waiters.size;
  }

  /** Whether one more may wait. */
  get hasRoom(): boolean {
    return this.queued < this.#queue;
  }

  /** Whether one more may run, or wait. */
  get hasPlace(): boolean {
    return this.#running < this.#concurrent || this.hasRoom;
  }

  /** Overtakes nobody: while anyone waits, no slot is free. */
  tryTake(): boolean {
    if (this.#running >= this.#concurrent) return false;
    this.#running += 1;
    return true;
  }

  /** Gives the slot to who waits longest, if any. */
  release(): void {
    const [longest] = this.#waiters;
    if (longest === undefined) this.#running -= 1;
    else longest(this);
  }

  /** For `waitForSlot`. A waiter that is called leaves every queue it stands in. */
  join(waiter: Waiter): void {
    this.#waiters.add(waiter);
  }

  /** For `waitForSlot`. */
  leave(waiter: Waiter): void {
    this.#waiters.delete(waiter);
  }
}

/**
 * The first slot that comes free in any of them. Who gets it has to release it, even when the signal
 * has aborted meanwhile.
 * @param timeout milliseconds
 * @throws the signal's reason; ProxyError `server_busy` when no queue has room or the time is over
 */
export async function waitForSlot(
  slots: readonly Slots[],
  timeout: number,
  signal: AbortSignal,
): Promise<Slots> {
  signal.throwIfAborted();
  const free = slots.find((each) => each.tryTake());
  if (free !== undefined) return free;
  const queues = slots.filter((each) => each.hasRoom);
  if (queues.length === 0) throw serverBusy();

  return new Promise<Slots>((resolve, reject) => {
    const leave = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      for (const queue of queues) queue.leave(take);
    };
    const take = (taken: Slots) => {
      leave();
      resolve(taken);
    };
    const refuse = (reason: unknown) => {
      leave();
      reject(reason);
    };
    const abort = () => refuse(signal.reason);
    const timer = setTimeout(() => refuse(serverBusy()), timeout);
    signal.addEventListener("abort", abort);
    for (const queue of queues) queue.join(take);
  });
}
