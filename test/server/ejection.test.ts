import { describe, expect, test } from "vitest";
import { until } from "../faults/waiting.ts";
import { backend, chat, described, overloaded, proxyOf, says } from "./backends.ts";

describe("F-136: all backends of a model are left alone", () => {
  async function ejected() {
    const [a, b] = [await backend(overloaded), await backend(overloaded)];
    const proxy = await proxyOf({
      upstreams: [described("a", a), described("b", b)],
      circuit: { failures: 1, open: "1h", max_open: "1h" },
    });
    expect(await chat(proxy)).toMatchObject({ status: 502, tries: 2 });
    const asked = () => a.requests.length + b.requests.length - 2;
    return { proxy, a, b, asked };
  }

  test("one request a second may try, and the others are told so at once", async () => {
    const { proxy, asked } = await ejected();
    const begun = performance.now();
    const answers = [];
    while (performance.now() - begun < 2_500) answers.push(await chat(proxy));
    const seconds = (performance.now() - begun) / 1_000;
    expect(asked()).toBeGreaterThan(0);
    expect(asked()).toBeLessThanOrEqual(Math.ceil(seconds));
    const refused = answers.filter(({ tries }) => tries === 0);
    expect(refused.length).toBe(answers.length - asked());
    for (const { status, text, retryAfter } of refused) {
      expect([status, text]).toEqual([503, "no healthy upstream for model 'm'"]);
      expect(Number(retryAfter)).toBeGreaterThan(0);
    }
  });

  test("the first that is answered lets all in again", async () => {
    const { proxy, a, b } = await ejected();
    for (const upstream of [a, b]) upstream.play(says("well"));
    let isBack = false;
    const asking = setInterval(() => {
      void chat(proxy).then(({ status }) => (isBack ||= status === 200));
    }, 50);
    await until("one is answered", () => isBack, 20_000);
    clearInterval(asking);
    for (let i = 0; i < 5; i += 1) expect(await chat(proxy)).toMatchObject({ text: "well" });
  });
});
