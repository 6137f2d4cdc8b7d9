import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { describe, expect, onTestFinished, test } from "vitest";
import type { ConfigFile } from "../../src/config/schema.ts";
import type { Backend } from "../faults/matrix/backends.ts";
import {
  expired,
  ofAnotherName,
  ofOldTls,
  selfSigned,
  wellCertified,
} from "../faults/matrix/tls-backends.ts";
import { dataDirectory } from "../support/data-directory.ts";
import { backend, chat, described, keysOf, proxyOf, says } from "./backends.ts";

// How each bad certificate is refused is told by the fault matrix; here is what the settings change.

type UpstreamFile = NonNullable<ConfigFile["upstreams"]>[number];

const KEY = "its-key";

async function started(making: Promise<Backend>): Promise<Backend> {
  const made = await making;
  onTestFinished(() => made.close());
  return made;
}

const proxyTo = (a: Backend, own: Partial<UpstreamFile>) =>
  proxyOf({ upstreams: [described("a", a, { api_key: KEY, models: ["m"], ...own })] });

const unreachable = { status: 502, text: 'upstream "a" is unreachable' };

/** The certificate that a server shows, as a file. */
async function certificateOf({ baseUrl }: Backend): Promise<string> {
  const { hostname: host, port } = new URL(baseUrl);
  const pem = await new Promise<string>((resolve, reject) => {
    const socket = connect({ host, port: Number(port), rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.toString() ?? "");
      socket.destroy();
    });
    socket.on("error", reject);
  });
  const file = join(dataDirectory(), "shown.pem");
  writeFileSync(file, pem);
  return file;
}

describe("`ca_file`", () => {
  test("has a server trusted whose authority nobody knows, and only then it gets the key", async () => {
    const a = await started(wellCertified());
    const { caFile = "" } = a;
    expect(await chat(await proxyTo(a, {}))).toMatchObject(unreachable);
    expect(a.requests).toEqual([]);
    expect(await chat(await proxyTo(a, { ca_file: caFile }))).toMatchObject({ text: "well" });
    expect(keysOf(a)).toEqual([KEY]);
  });

  test("may be the server's own certificate", async () => {
    const a = await started(selfSigned());
    const ca_file = await certificateOf(a);
    expect(await chat(await proxyTo(a, { ca_file }))).toMatchObject({ text: "well" });
  });

  test("of another authority helps nobody", async () => {
    const a = await started(wellCertified());
    const ca_file = await certificateOf(await started(selfSigned()));
    expect(await chat(await proxyTo(a, { ca_file }))).toMatchObject(unreachable);
  });

  test.each([
    ["is out of date", expired],
    ["is another's", ofAnotherName],
  ])(
    "does not help a server whose certificate %s: it gets no key, nor is its list asked for",
    async (_, make) => {
      const a = await started(make());
      const b = await backend(says("b"));
      const own = { api_key: KEY, ...(a.caFile === undefined ? {} : { ca_file: a.caFile }) };
      const proxy = await proxyOf({ upstreams: [described("a", a, own), described("b", b)] });
      expect(await chat(proxy)).toMatchObject({ text: "b", by: "b" });
      expect(await chat(proxy, { model: "a/m" })).toMatchObject(unreachable);
      expect(a.requests).toEqual([]);
    },
  );
});

describe("`insecure_tls`", () => {
  test.each([
    ["is out of date", expired],
    ["is another's", ofAnotherName],
    ["is of its own making", selfSigned],
  ])("takes a certificate that %s", async (_, make) => {
    const a = await started(make());
    expect(await chat(await proxyTo(a, { insecure_tls: true }))).toMatchObject({ text: "well" });
    expect(keysOf(a)).toEqual([KEY]);
  });

  test("takes no older TLS", async () => {
    const a = await started(ofOldTls());
    expect(await chat(await proxyTo(a, { insecure_tls: true }))).toMatchObject(unreachable);
    expect(a.requests).toEqual([]);
  });

  test("is for the one backend alone", async () => {
    const [a, b] = [await started(selfSigned()), await started(selfSigned())];
    const proxy = await proxyOf({
      upstreams: [
        described("a", a, { api_key: KEY, models: ["m"] }),
        described("b", b, { models: ["m"], insecure_tls: true }),
      ],
    });
    expect(await chat(proxy)).toMatchObject({ text: "well", by: "b", tries: 2 });
    expect(a.requests).toEqual([]);
    expect(keysOf(b)).not.toContain(KEY);
  });
});
