import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "vitest";
import { translate, toNdjson } from "./translate.ts";
test("gold", () => {
const dir = "/work/main/test/fixtures/";
let all = "";
for (const f of readdirSync(dir).filter((f) => f.endsWith(".sse"))) {
  const out = toNdjson(translate([readFileSync(dir + f)]));
  writeFileSync(dir + f.replace(/sse$/, "ndjson"), out);
  all += "=== " + f + "\n" + out.replaceAll('"model":"m","created_at":"2026-01-02T03:04:05.678Z",', "").replaceAll('"done":false','F').replaceAll('"role":"assistant",', "").replaceAll('"total_duration":100000000,"load_duration":10000000,', "").replaceAll('"prompt_eval_duration":15000000', "PED").replaceAll('"eval_duration":75000000', "ED");
}
writeFileSync("/tmp/laws/all.txt", all);
});
