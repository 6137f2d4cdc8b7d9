import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { answering } from "./answering.ts";
import { connecting } from "./connecting.ts";
import { documents } from "./documents.ts";
import { addresses, bodies, framing } from "./requests.ts";
import { streaming } from "./streaming.ts";

const text = readFileSync(
  new URL("../../../docs/decisions/0018-fault-matrix.md", import.meta.url),
  "utf8",
);

const rows = Object.entries({
  ...connecting,
  ...answering,
  ...streaming,
  ...documents,
  ...bodies,
  ...framing,
  ...addresses,
});

test("docs/decisions name every row that is answered otherwise", () => {
  const decided = rows.flatMap(([title, row]) =>
    row.decided === undefined ? [] : [/^F-\d+/u.exec(title)?.[0] ?? title],
  );
  expect(decided.length).toBeGreaterThan(10);
  expect(decided.filter((id) => !text.includes(id))).toEqual([]);
});
