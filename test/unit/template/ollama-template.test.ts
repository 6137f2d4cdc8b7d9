import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ProxyError } from "../../../src/errors.ts";
import {
  renderTemplate,
  type TemplateValues,
} from "../../../src/translate/template/ollama-template.ts";

const nothing: TemplateValues = {
  system: "",
  messages: [],
  prompt: "",
  suffix: "",
  response: "",
  tools: [],
  think: undefined,
  currentDate: "2026-11-25",
  yesterdayDate: "2026-11-24",
};

function render(template: string, values: Partial<TemplateValues> = {}): string {
  return renderTemplate(template, { ...nothing, ...values });
}

/** The text, or the message of the error; whatever else is thrown fails the test. */
function outcome(template: string, values: Partial<TemplateValues> = {}): [string, string] {
  try {
    return ["output", render(template, values)];
  } catch (error) {
    if (!(error instanceof ProxyError)) throw error;
    expect([error.code, error.status]).toEqual(["invalid_request", 400]);
    expect(error.message).toMatch(/^template: [^\n]{1,240}$/);
    return ["error", error.message];
  }
}

/** What Ollama 0.34.4's own package made of each; of Go's errors the line and the text. */
interface Recorded {
  case: string;
  template: string;
  values: Partial<TemplateValues>;
  output?: string;
  error?: string;
}

const recorded: Recorded[] = JSON.parse(
  readFileSync(new URL("../../fixtures/templates.json", import.meta.url), "utf8"),
);

const user = { role: "user", content: "Weather?" };
const weather = {
  type: "function",
  function: {
    name: "get_weather",
    description: "The weather",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

describe("a template gives what Ollama makes of it", () => {
  test("for as many cases as were recorded", () => {
    expect(recorded).toHaveLength(89);
  });

  test.for(recorded)("$case", ({ template, values, output, error }) => {
    expect(outcome(template, values)).toEqual(
      error === undefined ? ["output", output] : ["error", error],
    );
  });

  test("the days are those that were passed in", () => {
    expect(render('{{ currentDate }} {{ yesterdayDate "2006-01-02" }}')).toBe(
      "2026-11-25 2026-11-24",
    );
  });
});

describe("a model reads JSON", () => {
  // Ollama 0.34 prints `{get_weather The weather {object …}}` here; earlier ones printed JSON.
  test("where Qwen's template prints the function of a tool", () => {
    const template =
      '{{ range .Messages }}{{ end }}{{ range .Tools }}{"type": "function", "function": {{ .Function }}}{{ end }}';
    expect(JSON.parse(render(template, { messages: [user], tools: [weather] }))).toEqual(weather);
  });

  test.for([
    ["an object", { city: "Paris" }],
    ["text", '{"city":"Paris"}'],
  ] as const)("where the arguments of a call came as %s", ([, given]) => {
    const call = { name: "get_weather", arguments: given };
    const messages = [user, { role: "assistant", content: "", toolCalls: [call] }];
    expect(
      render(
        "{{ range .Messages }}{{ range .ToolCalls }}{{ .Function.Arguments }}{{ end }}{{ end }}",
        { messages },
      ),
    ).toBe('{"city":"Paris"}');
  });
});

describe("a template sees only what it is shown", () => {
  const each = (body: string) => `{{ range .Messages }}{{ ${body} }}{{ end }}`;

  test.for(["__proto__", "constructor", "toString", "role", "content"])(
    "of a message no field %s",
    (name) => {
      expect(outcome(each(`.${name}`), { messages: [user] })).toEqual([
        "error",
        `template: :1: can't evaluate field ${name} in type *template.templateMessage`,
      ]);
    },
  );

  test("of a text no field", () => {
    expect(outcome(each(".Content.length"), { messages: [user] })[0]).toBe("error");
  });

  test("and a name of JavaScript's objects in arguments is a name", () => {
    const call = { name: "f", arguments: JSON.parse('{"__proto__":{"x":1}}') as unknown };
    const messages = [{ role: "assistant", content: "", toolCalls: [call] }];
    const template = (field: string) =>
      `{{ range .Messages }}{{ range .ToolCalls }}{{ .Function.Arguments${field} }}{{ end }}{{ end }}`;
    expect(render(template(""), { messages })).toBe('{"__proto__":{"x":1}}');
    expect(render(template(".__proto__.x"), { messages })).toBe("1");
    expect(render(template(".constructor"), { messages })).toBe("<no value>");
  });

  test("half a character becomes U+FFFD", () => {
    expect(render("{{ .Prompt }}{{ json .Prompt }}", { prompt: "a\ud800" })).toBe(
      'a\ufffd"a\ufffd"',
    );
  });
});

describe("a template outside the subset is refused by name", () => {
  test.for([
    ["{{ html .Prompt }}", 'function "html" not defined'],
    ["{{ .Tools.String }}{{ .Messages }}", "can't evaluate field String in type"],
    ["{{ 0x10 }}", 'bad number syntax: "0x"'],
    ["{{ 9223372036854775808 }}", "9223372036854775808 overflows"],
    ['{{ printf "%x" 10 }}', "%x is not supported"],
    ["{{ 'a' }}", 'unexpected "\'" in command'],
    ['{{ define "a" }}{{ end }}{{ define "a" }}{{ end }}', 'multiple definition of template "a"'],
    ['{{ template "a" }}', "undefined template specified"],
  ] as const)("%s", ([template, message]) => {
    const [kind, text] = outcome(template);
    expect(kind).toBe("error");
    expect(text).toContain(message);
  });
});

describe("a template is bounded", () => {
  const mebibyte = 1024 * 1024;
  const nested = (levels: number) => `${"{{ if 1 }}".repeat(levels)}x${"{{ end }}".repeat(levels)}`;
  const parens = (levels: number) => `{{ ${"(".repeat(levels)}1${")".repeat(levels)} }}`;
  const tooLong = { prompt: "x".repeat(mebibyte) };

  test("in its length", () => {
    const longest = "x".repeat(mebibyte);
    expect(render(longest)).toBe(longest);
    expect(outcome(`${longest}x`)).toEqual(["error", "template: longer than 1 MiB"]);
  });

  test("in its nesting", () => {
    expect(render(nested(64))).toBe("x");
    expect(render(parens(64))).toBe("1");
    expect(outcome(nested(65))).toEqual(["error", "template: :1: nested deeper than 64"]);
    expect(outcome(parens(65))).toEqual(["error", "template: :1: nested deeper than 64"]);
  });

  test("in what it prints", () => {
    expect(render("{{ range 16 }}{{ $.Prompt }}{{ end }}", tooLong)).toHaveLength(16 * mebibyte);
    expect(outcome("{{ range 16 }}{{ $.Prompt }}{{ end }}.", tooLong)).toEqual([
      "error",
      "template: :1: the text gets too long",
    ]);
  });

  test.for([
    ["a loop without an end", "{{ range 9223372036854775807 }}{{ end }}"],
    ["loops in loops", `${"{{ range 99 }}".repeat(60)}${"{{ end }}".repeat(60)}`],
    [
      "a text that doubles",
      '{{ $x := "aaaaaaaa" }}{{ range 99 }}{{ $x = printf "%s%s" $x $x }}{{ end }}',
    ],
    ["a text told many times", `{{ $x := print ${"$.Prompt ".repeat(99)}}}`],
    ["a text looked at many times", `{{ range 999 }}{{ $x := len $.Prompt }}{{ end }}`],
    ["escapes", '{{ range 999 }}{{ $x := printf "%q" (json $.Prompt) }}{{ end }}'],
  ] as const)("in its work: %s", ([, template]) => {
    expect(outcome(template, tooLong)).toEqual([
      "error",
      "template: :1: the template takes too much work",
    ]);
  });

  test("in the depth of templates that use each other", () => {
    const twice = '{{ template "a" . }}{{ template "a" . }}';
    expect(outcome(`{{ define "a" }}${twice}{{ end }}${twice}`)).toEqual([
      "error",
      "template: :1: exceeded maximum template depth",
    ]);
  });

  test("in the length of its messages", () => {
    expect(outcome(`{{ ${"x".repeat(9999)} }}`)[1]).toMatch(/^template: :1: function "x+…$/);
  });
});

describe("whatever the template is", () => {
  const marks =
    '{{ }} {{- -}} {{/* */}} ( ) | , := = - $ $x . nil true 1 2.5 "a" " ` \' \\ é \ud800';
  const fields = ".Messages .Prompt .Content .ToolCalls .Foo .__proto__ $.Tools text";
  const words = "if else else if end with range break define template eq lt index slice len json";
  const whole = [
    "{{ range $i, $x := .Messages }}",
    "{{ $x := 1 }}",
    "{{ if .Prompt }}",
    "{{ end }}",
  ];
  const scrap = fc.constantFrom(
    " ",
    "\n",
    'printf "%s%5d%q" ',
    ...whole,
    ...`${marks} ${fields}`.split(" "),
    ...words.split(" ").map((word) => `${word} `),
  );
  const template = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(scrap, { maxLength: 40 }).map((scraps) => scraps.join("")),
    fc.array(scrap, { maxLength: 12 }).map((scraps) => `{{ ${scraps.join("")} }}`),
  );
  const call = fc.record({ name: fc.string(), arguments: fc.jsonValue() });
  const message = fc.record({
    role: fc.constantFrom("system", "user", "assistant", "tool", "other"),
    content: fc.string(),
    toolCalls: fc.array(call, { maxLength: 2 }),
  });
  const values = fc.record({
    messages: fc.array(message, { maxLength: 4 }),
    prompt: fc.string(),
    suffix: fc.string(),
    tools: fc.array(fc.jsonValue(), { maxLength: 2 }),
    think: fc.constantFrom(undefined, true, false, "high"),
  });

  test("it gives a text or a 400, and the same one again", () => {
    fc.assert(
      fc.property(template, values, (source, given) => {
        const [kind, text] = outcome(source, given);
        expect(text.isWellFormed()).toBe(true);
        expect(outcome(source, given)).toEqual([kind, text]);
      }),
      { numRuns: 2_000 },
    );
  });

  test("without an action it is its own text", () => {
    const plain = fc.string().filter((text) => !text.includes("{{"));
    fc.assert(
      fc.property(plain, (text) => {
        expect(render(text)).toBe(text);
      }),
    );
  });
});
