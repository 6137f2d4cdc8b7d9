import { pino } from "pino";
import { prettyFactory } from "pino-pretty";
import { LogOutput } from "./log-output.ts";

/** Structured fields first, then a plain sentence. Never a prompt, an answer or a key. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** The log of the process, whose lines leave it. */
export interface ProcessLogger extends Logger {
  /** How many lines are lost: nobody took them, or they could not be written. */
  dropped(): number;
}

export interface LogOptions {
  readonly level: keyof Logger | "silent";
  readonly text: boolean;
  readonly output: NodeJS.WritableStream;
}

export function createLogger({ level, text, output }: LogOptions): ProcessLogger {
  const lines = new LogOutput(output);
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  const dropped = () => lines.dropped;
  if (!text) {
    const formatters = { level: (label: string) => ({ level: label }) };
    return Object.assign(pino({ ...options, formatters }, lines), { dropped });
  }
  const toText = prettyFactory({
    ignore: "pid,hostname",
    translateTime: "SYS:HH:MM:ss",
    singleLine: true,
    colorize: false,
  });
  const textLines = { write: (line: string) => lines.write(toText(line)) };
  return Object.assign(pino(options, textLines), { dropped });
}
