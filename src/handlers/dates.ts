import type { Dates } from "../translate/template/functions.ts";

const day = 86_400_000;

/** For templates that tell the date. */
export function datesOf(now: Date): Dates {
  return { currentDate: dateText(now), yesterdayDate: dateText(new Date(now.getTime() - day)) };
}

function dateText(time: Date): string {
  return time.toISOString().slice(0, 10);
}
