import type { Describe } from "./answer.d.mts";

export function readDescription(file: string): Describe;
