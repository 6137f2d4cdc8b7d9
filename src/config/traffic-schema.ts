import { z } from "zod";
import { duration, durationOrNever, name, positiveDuration, share } from "./fields.ts";

/** Limits of time that a backend may have of its own. */
export const backendTimes = {
  connect: positiveDuration.describe("Connecting to a backend, TLS and name look-up included."),
  first_byte: positiveDuration.describe("From the request until the backend says anything."),
  idle: positiveDuration.describe("Between two reads of a running stream."),
  idle_data: positiveDuration.describe(
    "Between two events of a running stream; pings don't count.",
  ),
  after_finish: duration.describe("For usage figures after the last text; `0` waits for none."),
};

export const timeoutsSchema = z.strictObject({
  connect: backendTimes.connect.default(5_000),
  first_byte: backendTimes.first_byte.default(600_000),
  idle: backendTimes.idle.default(300_000),
  idle_data: backendTimes.idle_data.default(600_000),
  after_finish: backendTimes.after_finish.default(2_000),
  write_stall: positiveDuration.default(60_000).describe("For a client that stopped reading."),
  request_body: duration
    .default(60_000)
    .describe("For a client to send its whole request; `0` for no limit."),
});

/** How much one backend is asked for at the same time. */
export const backendLimits = {
  concurrent: z.int().positive().describe("Requests that one backend answers at the same time."),
  queue: z
    .int()
    .nonnegative()
    .describe("Requests that wait for one backend; beyond that the answer is 503."),
  queue_timeout: duration.describe(
    "How long a request waits there before it is answered 503; `0` waits not at all.",
  ),
};

export const limitsSchema = z.strictObject({
  concurrent: backendLimits.concurrent.default(64),
  queue: backendLimits.queue.default(512),
  queue_timeout: backendLimits.queue_timeout.default(30_000),
});

export const policy = z.enum(["priority", "weighted", "least-busy", "round-robin"]);

export const priority = z.int();
export const weight = z.int().nonnegative();

const targetSchema = z.strictObject({
  upstream: z.string().describe("Id of a backend."),
  model: name
    .optional()
    .describe(
      "The model's id there; the name that the client used when absent. A `*` in it is what the `*` of the route's name stood for.",
    ),
  priority: priority.optional().describe("The backend's own when absent."),
  weight: weight.optional().describe("The backend's own when absent."),
});

export const routeSchema = z.strictObject({
  policy: policy
    .optional()
    .describe(
      "Which of the targets of one priority goes first: the one written first (`priority`), one by weight and chance (`weighted`), the one with the fewest requests under way (`least-busy`), or each in turn (`round-robin`). `policy` of `failover` when absent.",
    ),
  targets: z
    .array(targetSchema)
    .min(1)
    .optional()
    .describe("Where the model is to be had; every backend that lists it when absent."),
  fallback: z
    .array(name)
    .default([])
    .describe("Models to ask in its place, in this order, when none of the targets can answer."),
});

export const failoverSchema = z.strictObject({
  policy: policy
    .default("priority")
    .describe("For models without a route that says otherwise; see `routes`."),
  attempts: z
    .int()
    .positive()
    .default(3)
    .describe("Requests sent for one answer, at most; each backend gets one for each of its keys."),
  ambiguous: z
    .boolean()
    .default(false)
    .describe(
      "Also ask another backend when the first may have done the work already, and billed it: after a reset or a timeout before its first word, and after a status like 500 or 504.",
    ),
  first_byte: positiveDuration
    .default(60_000)
    .describe(
      "With `ambiguous`, and where another backend can take over: what counts instead of `timeouts.first_byte`.",
    ),
  deadline: positiveDuration
    .default(600_000)
    .describe(
      "From the request on: after this no other backend is asked, and those after the first get no longer.",
    ),
  budget: share
    .default(0.2)
    .describe("Share of a model's requests under way that may be second tries; three always may."),
  max_rest: durationOrNever(
    "The longest that a key or a backend is left alone after it refused for its limits or the key.",
  ).default(300_000),
});

export const circuitSchema = z.strictObject({
  failures: z
    .int()
    .positive()
    .default(5)
    .describe("Failures in a row after which a backend is left alone."),
  open: positiveDuration
    .default(5_000)
    .describe(
      "For how long, the first time. Then one request tries it, and the time doubles if that fails.",
    ),
  max_open: positiveDuration.default(60_000).describe("The longest that it is left alone."),
});

export const healthSchema = z.strictObject({
  interval: durationOrNever(
    "Between two looks at a backend, a fifth more or less. A single backend is only looked at while it fails.",
  ).default(10_000),
  timeout: positiveDuration.default(5_000).describe("For its answer to a look."),
  fall: z
    .int()
    .positive()
    .default(3)
    .describe("Looks in vain, in a row, after which it is left alone; one good look ends that."),
});

export const overloadSchema = z.strictObject({
  heap: share
    .default(0.85)
    .describe("Share of the heap's limit above which new requests are refused. `0` means never."),
  event_loop_delay: durationOrNever(
    "Delay of the event loop above which new requests are refused.",
  ).default(1_000),
});
