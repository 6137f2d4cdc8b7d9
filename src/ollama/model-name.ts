/** Ollama's name grammar: `[host/][namespace/]model[:tag]`, each part of limited length. */
const part = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;
const limits = { host: 350, namespace: 80, model: 80, tag: 80 } as const;

/** Whether a name could name a model in real Ollama; one that could not is a 400, not a 404. */
export function isValidModelName(name: string): boolean {
  const slashed = name.split("/");
  if (slashed.length > 3) return false;
  const last = slashed.pop() ?? "";
  const colon = last.indexOf(":");
  const model = colon < 0 ? last : last.slice(0, colon);
  const tag = colon < 0 ? "latest" : last.slice(colon + 1);
  const namespace = slashed.pop();
  const host = slashed.pop();
  return (
    fits(model, limits.model) &&
    fits(tag, limits.tag) &&
    (namespace === undefined || fits(namespace, limits.namespace)) &&
    (host === undefined ||
      (host.length <= limits.host && /^[A-Za-z0-9_][A-Za-z0-9_.:-]*$/.test(host)))
  );
}

function fits(text: string, limit: number): boolean {
  return text.length > 0 && text.length <= limit && part.test(text);
}

/** `x` → `x:latest`: the name real Ollama lists and clients look for. */
export function withTag(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1).includes(":") ? name : `${name}:latest`;
}

/** The form names are compared in: default registry and `:latest` cut off, lower case. */
export function comparableName(name: string): string {
  return name
    .trim()
    .toLowerCase()
    .replace(/^registry\.ollama\.ai\//, "")
    .replace(/^library\//, "")
    .replace(/:latest$/, "");
}

/** How Ollama spells a name out in full in some error texts. */
export function qualifiedName(name: string): string {
  const tagged = withTag(name);
  return tagged.includes("/")
    ? `registry.ollama.ai/${tagged}`
    : `registry.ollama.ai/library/${tagged}`;
}
