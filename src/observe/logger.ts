import { pino } from "pino";
import { default as pretty } from "pino-pretty";

/** Structured fields first, then a plain sentence. Never a prompt, an answer or a key. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface LogOptions {
  readonly level: "debug" | "info" | "warn" | "error" | "silent";
  readonly text: boolean;
  readonly output: NodeJS.WritableStream;
}

export function createLogger({ level, text, output }: LogOptions): Logger {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  if (!text)
    return pino({ ...options, formatters: { level: (label) => ({ level: label }) } }, output);
  const stream = pretty({
    destination: output,
    ignore: "pid,hostname",
    translateTime: "SYS:HH:MM:ss",
    singleLine: true,
    colorize: false,
    sync: true,
  });
  return pino(options, stream);
}
