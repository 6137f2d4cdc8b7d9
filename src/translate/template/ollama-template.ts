import { invalidRequest } from "../../errors.ts";
import { messageValue, toolsValue, type TemplateMessage } from "./conversation-values.ts";
import { Execution } from "./execute.ts";
import { templateFunctions, type Dates } from "./functions.ts";
import { parseTemplate } from "./parser.ts";
import { cutAfterResponse, responseNode } from "./response-cut.ts";
import { dictionaryOf, listOf, type Dictionary, type Value } from "./values.ts";

export const maxTemplateLength = 1024 * 1024;

export interface TemplateValues extends Dates {
  /** Goes before the messages. */
  readonly system: string;
  readonly messages: readonly TemplateMessage[];
  /** Goes after the messages; with a suffix, what comes before the gap. */
  readonly prompt: string;
  /** What comes after the gap, where one is to be filled. */
  readonly suffix: string;
  /** An answer that has begun; goes last. */
  readonly response: string;
  readonly tools: readonly unknown[];
  readonly think: boolean | string | undefined;
}

/**
 * The prompt that a template of Ollama's makes: Go's text/template, but for what chat templates
 * never use (methods, complex and hexadecimal numbers, `html`, `js`, `urlquery`, `call`). Behaves
 * as Ollama 0.34 does, also in that a field it does not know is nil, which prints `<no value>`.
 * @throws ProxyError 400 that names the line, for a bad template and for one that works too much.
 */
export function renderTemplate(template: string, values: TemplateValues): string {
  if (template.length > maxTemplateLength) throw invalidRequest("template: longer than 1 MiB");
  const functions = templateFunctions(values);
  const parsed = parseTemplate(template, new Set(functions.keys()));
  const usesMessages = parsed.fields.has("messages");
  const complete = usesMessages || parsed.fields.has("response");
  const nodes = complete ? parsed.nodes : [...parsed.nodes, responseNode];
  const execution = new Execution(parsed.definitions, functions);
  const common = thinkFields(values.think);

  if (values.prompt !== "" && values.suffix !== "") {
    const { prompt, suffix } = values;
    execution.run(nodes, data({ ...common, Prompt: prompt, Suffix: suffix, Response: "" }));
  } else if (usesMessages) {
    execution.run(nodes, data({ ...common, ...conversationFields(values), Response: "" }));
  } else {
    const rounds = roundsOf(joinTurns(turnsOf(values)));
    for (const [index, round] of rounds.entries()) {
      const isLast = index === rounds.length - 1;
      // The model goes on where the last round's response ends.
      execution.run(isLast ? cutAfterResponse(nodes) : nodes, data({ ...common, ...round }));
    }
  }
  return execution.text;
}

function data(fields: Readonly<Record<string, Value>>): Dictionary {
  return dictionaryOf(Object.entries(fields));
}

/** A level means yes; a bare yes means `medium`. */
function thinkFields(think: TemplateValues["think"]): Readonly<Record<string, Value>> {
  const level = typeof think === "string" ? think : "medium";
  const thinks = think !== undefined && think !== false;
  return { Think: thinks, ThinkLevel: thinks ? level : "", IsThinkSet: think !== undefined };
}

function conversationFields(values: TemplateValues): Readonly<Record<string, Value>> {
  const turns = turnsOf(values);
  const system = turns.filter(({ role }) => role === "system").map(({ content }) => content);
  return {
    System: system.join("\n\n"),
    Messages: listOf(joinTurns(turns).map(messageValue), "[]*template.templateMessage"),
    Tools: toolsValue(values.tools),
  };
}

function turnsOf({ system, messages, prompt, response }: TemplateValues): TemplateMessage[] {
  return [
    ...turnOf("system", system),
    ...messages,
    ...turnOf("user", prompt),
    ...turnOf("assistant", response),
  ];
}

function turnOf(role: string, content: string): TemplateMessage[] {
  return content === "" ? [] : [{ role, content }];
}

/** Turns of one role that follow each other are one, but for results of tools. */
function joinTurns(turns: readonly TemplateMessage[]): TemplateMessage[] {
  const joined: TemplateMessage[] = [];
  for (const turn of turns) {
    const last = joined.at(-1);
    if (last?.role === turn.role && turn.role !== "tool") {
      joined[joined.length - 1] = { ...last, content: `${last.content}\n\n${turn.content}` };
    } else {
      joined.push(turn);
    }
  }
  return joined;
}

const emptyRound = { System: "", Prompt: "", Response: "" };

type Round = typeof emptyRound;

const roundFields: ReadonlyMap<string, keyof Round> = new Map([
  ["system", "System"],
  ["user", "Prompt"],
  ["assistant", "Response"],
]);

/** Older templates know one exchange, and are run once for each; at least for one, if empty. */
function roundsOf(turns: readonly TemplateMessage[]): Round[] {
  const rounds: Round[] = [];
  let round = emptyRound;
  for (const { role, content } of turns) {
    const field = roundFields.get(role);
    if (field === undefined) continue;
    const { Prompt, Response } = round;
    const isOver =
      field !== "Response" && (Response !== "" || (field === "System" && Prompt !== ""));
    if (isOver) rounds.push(round);
    round = { ...(isOver ? emptyRound : round), [field]: content };
  }
  return [...rounds, round];
}
