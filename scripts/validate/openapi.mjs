/** Ollama's own description of its API (an OpenAPI 3.1 file) as a check of single objects. */
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";

const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/u;

/**
 * @param {string} file
 * @returns {(method: string, path: string, contentType: string, value: unknown) => string[]}
 *   what does not fit; nothing for an answer that the file does not describe
 */
export function readDescription(file) {
  const document = parse(readFileSync(file, "utf8"));
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  ajv.addFormat("date-time", DATE_TIME);
  ajv.addFormat("uri", (value) => URL.canParse(value));
  ajv.addFormat("float", true);
  ajv.addSchema(document, "api");
  const compiled = new Map();

  function validatorOf(method, path, contentType) {
    const route = document.paths[path]?.[method.toLowerCase()];
    const content = route?.responses?.["200"]?.content ?? {};
    // The file names only one of the two types on some routes that have but one shape.
    const type = contentType in content ? contentType : Object.keys(content)[0];
    if (!content[type]?.schema) return undefined;
    const steps = ["paths", path, method.toLowerCase(), "responses", "200", "content", type];
    const pointer = [...steps, "schema"].map((step) =>
      encodeURIComponent(step.replaceAll("~", "~0").replaceAll("/", "~1")),
    );
    const reference = `api#/${pointer.join("/")}`;
    if (!compiled.has(reference)) compiled.set(reference, ajv.compile({ $ref: reference }));
    return compiled.get(reference);
  }

  return (method, path, contentType, value) => {
    const validate = validatorOf(method, path, contentType);
    if (!validate || validate(value)) return [];
    return validate.errors.map((error) => `${error.instancePath || "/"} ${error.message}`);
  };
}
