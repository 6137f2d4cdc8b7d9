import { invalidRequest, type ProxyError } from "../../errors.ts";

/** A message may quote a name of the template, which can be of any length. */
const maxMessageLength = 200;

/** The client's own fault, in the form of Go's messages. */
export function templateError(line: number, message: string): ProxyError {
  const cut =
    message.length > maxMessageLength ? `${message.slice(0, maxMessageLength)}…` : message;
  return invalidRequest(`template: :${line}: ${cut.toWellFormed()}`);
}
