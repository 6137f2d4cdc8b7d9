import { setTimeout as sleep } from "node:timers/promises";
import { Pool } from "undici";
import { test } from "vitest";
import { findFreePort } from "../interop/support/child-process.ts";
import { metricsAt } from "../soak/harness/configured-proxy.ts";
import { figure, isShort, size } from "../soak/harness/figures.ts";
import { json, startScriptedUpstream, type Script } from "../support/scripted-upstream.ts";
import { startProxy } from "../support/start-proxy.ts";
import { refuses } from "./plays.ts";

const requests = size(1_000, 300);
/** Milliseconds until a backend tells its models. */
const slowness = size(2_000, 1_000);
/** A list is good for half a minute, a fifth more or less. */
const lifetime = 37_000;

const paths = ["/api/tags", "/v1/models"];
const ids = ["a", "b"];

test("T-35 a list that many want at once is asked for once", async () => {
  let isDown = false;
  const upstreams = await Promise.all(
    ids.map((id) => {
      const list = json(200, { object: "list", data: [{ id: `model-of-${id}`, object: "model" }] });
      const slow: Script = { ...list, steps: [{ wait: slowness }, ...list.steps] };
      return startScriptedUpstream({
        lookups: {
          get "/v1/models"() {
            return isDown ? refuses(503) : slow;
          },
        },
      });
    }),
  );
  // In this process, since the program asks for the lists as it starts.
  const admin = `127.0.0.1:${await findFreePort()}`;
  const proxy = await startProxy({
    config: {
      upstreams: upstreams.map(({ baseUrl }, place) => ({
        id: ids[place] ?? "",
        base_url: baseUrl,
        dialect: "generic" as const,
      })),
      health: { interval: 0 },
      admin: { listen: admin },
    },
  });
  const stale = () => metricsAt(admin, "ollama_proxy_model_list_stale");
  const listsAsked = () =>
    upstreams.map(({ lookups }) => lookups.filter(({ path }) => path === "/v1/models").length);

  const pool = new Pool(proxy.url, { connections: requests });
  /** How many answers do not name every model. */
  const askAll = async (count: number): Promise<number> => {
    const answers = await Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const path = paths[index % paths.length] ?? "/api/tags";
        const { statusCode, body } = await pool.request({ path, method: "GET" });
        const text = await body.text();
        return statusCode === 200 && ids.every((id) => text.includes(`model-of-${id}`));
      }),
    );
    return answers.filter((isGood) => !isGood).length;
  };

  const cold = await askAll(requests);
  figure("T-35", "cold requests for the list at once", requests);
  figure("T-35", "cold answers without every model", cold, { atMost: 0 });
  figure("T-35", "lists asked of a backend", Math.max(...listsAsked()), { atLeast: 1, atMost: 1 });
  figure("T-35", "backends marked stale", await stale(), { atMost: 0 });

  isDown = true;
  const before = listsAsked();
  if (isShort) {
    // A name that nobody knows has the backends asked anew; not more often than once a second.
    await sleep(1_100);
    await pool.request({ path: "/api/show", method: "POST", body: '{"model":"unknown"}' });
  } else {
    await sleep(lifetime);
    // Shown as it is, while it is asked for anew.
    await askAll(1);
    await sleep(500);
  }
  const down = await askAll(requests);
  const asked = listsAsked().map((count, place) => count - (before[place] ?? 0));
  figure("T-35", "requests at once, backends down", requests);
  figure("T-35", "answers without every model, backends down", down, { atMost: 0 });
  figure("T-35", "lists asked of a backend, down", Math.max(...asked), { atLeast: 1, atMost: 1 });
  figure("T-35", "backends marked stale, down", await stale(), { atLeast: ids.length });

  isDown = false;
  // A backend that could not tell is asked again after two seconds.
  await sleep(2_100);
  await askAll(1);
  await sleep(slowness + 500);
  figure("T-35", "backends marked stale, up again", await stale(), { atMost: 0 });
  await pool.destroy();
  await proxy.close();
  await Promise.all(upstreams.map((upstream) => upstream.close()));
});
