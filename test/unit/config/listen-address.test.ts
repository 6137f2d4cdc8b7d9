import { expect, test } from "vitest";
import { adminAddress, listenAddress } from "../../../src/config/listen-address.ts";

const closed = { insecure: false, api_key: undefined };

test.each([
  ["127.0.0.1:11434", "127.0.0.1"],
  ["127.0.0.2:11434", "127.0.0.2"],
  ["localhost:11434", "localhost"],
  ["[::1]:11434", "::1"],
])("%s is loopback and needs no key", (listen, host) => {
  expect(listenAddress({ ...closed, listen })).toEqual({ host, port: 11434, loopback: true });
});

test.each([
  "0.0.0.0:1",
  "192.168.1.5:1",
  "[::]:1",
  ":1",
  "example.com:1",
  "127.example.com.evil:1",
])("%s is exposed, so it needs a key or a plain word", (listen) => {
  expect(() => listenAddress({ ...closed, listen })).toThrow(
    /PROXY_API_KEY.*PROXY_INSECURE=true/su,
  );
  expect(listenAddress({ ...closed, listen, api_key: "k" }).loopback).toBe(false);
  expect(listenAddress({ ...closed, listen, insecure: true }).loopback).toBe(false);
});

test.each(["", "host", "host:", "host:x", "host:99999", "::1:80", "a:1:2"])(
  "%j is no address",
  (listen) => {
    expect(() => listenAddress({ listen, insecure: true, api_key: undefined })).toThrow(
      /^listen: expected host:port/u,
    );
  },
);

test("the admin listener is off, on this machine, or wanted elsewhere by a plain word", () => {
  const admin = (listen: string | undefined, insecure = false) =>
    adminAddress({ admin: { listen }, insecure });
  expect(admin(undefined)).toBeUndefined();
  expect(admin("127.0.0.1:9464")).toEqual({ host: "127.0.0.1", port: 9464, loopback: true });
  expect(() => admin("0.0.0.0:9464")).toThrow(/^admin\.listen: 0\.0\.0\.0:9464 can be reached/u);
  expect(admin("0.0.0.0:9464", true)?.loopback).toBe(false);
  expect(() => admin("here", true)).toThrow(/^admin\.listen: expected host:port/u);
});
