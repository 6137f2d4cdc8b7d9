import { invalidRequest } from "../../errors.ts";
import { templateFunctions } from "./functions.ts";
import { maxTemplateLength } from "./ollama-template.ts";
import { parseTemplate } from "./parser.ts";

const names = new Set(templateFunctions({ currentDate: "", yesterdayDate: "" }).keys());

/** @throws ProxyError 400 that names the line, for what is no template of Ollama's. */
export function checkTemplate(template: string): void {
  if (template.length > maxTemplateLength) throw invalidRequest("template: longer than 1 MiB");
  parseTemplate(template, names);
}
