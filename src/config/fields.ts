import { z } from "zod";

/**
 * Timers end at 2^31 ms, almost 25 days, and fire at once beyond that; some are drawn a fifth longer
 * than what is configured.
 */
const mostDays = 20;
const longest = mostDays * 24 * 3_600_000;

/** "500ms", "30s", "5m", "1h", or a number of seconds; becomes milliseconds. */
export const duration = z
  .union([
    z.number().nonnegative(),
    z.string().regex(/^\d+(\.\d+)?(ms|s|m|h)$/, 'expected a duration such as "30s" or "5m"'),
  ])
  .transform((value) => {
    if (typeof value === "number") return value * 1000;
    const factor = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
    const unit = /[a-z]+$/.exec(value)?.[0] as keyof typeof factor;
    return Number.parseFloat(value) * factor[unit];
  })
  .refine((milliseconds) => milliseconds <= longest, `expected at most ${mostDays} days`);

/** For what can't be done in no time at all. */
export const positiveDuration = duration.refine(
  (milliseconds) => milliseconds > 0,
  "expected more than 0",
);

/** @param meaning as one sentence */
export function durationOrNever(meaning: string): typeof duration {
  return duration.describe(`${meaning} \`0\` means never.`);
}

export const httpUrl = z.url({ protocol: /^https?$/, error: "expected an http or https URL" });

export const name = z.string().min(1);

export const share = z.number().min(0).max(1);
