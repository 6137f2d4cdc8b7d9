import { describe, expect, test } from "vitest";
import { dialectFor } from "../../../src/dialects/dialects.ts";

describe("a backend of which only the address is known", () => {
  test.each([
    "http://127.0.0.1:8080/v1",
    "http://127.1.2.3/v1",
    "http://localhost:1234/v1",
    "http://LOCALHOST/v1",
    "http://gpu.localhost/v1",
    "http://10.0.0.5:8000/v1",
    "http://172.16.0.1/v1",
    "http://172.31.255.255/v1",
    "http://192.168.1.20/v1",
    "http://169.254.10.1/v1",
    "http://[::1]:8000/v1",
    "http://[fd12:3456::1]/v1",
    "http://[fe80::1]/v1",
    "http://vllm:8000/v1",
    "http://gpu.local/v1",
    "http://gpu.lan/v1",
    "http://host.docker.internal:8000/v1",
  ])("at %s is a server of one's own", (url) => {
    expect(dialectFor(new URL(url)).id).toBe("generic-local");
  });

  test.each([
    "https://api.openai.com/v1",
    "https://8.8.8.8/v1",
    "http://172.15.0.1/v1",
    "http://172.32.0.1/v1",
    "http://192.169.0.1/v1",
    "http://11.0.0.1/v1",
    "http://[2001:db8::1]/v1",
    "http://127.0.0.1.example.com/v1",
    "http://10.example.com/v1",
    "http://localhost.example.com/v1",
    "http://fd.example.com/v1",
  ])("at %s takes only the core of the API", (url) => {
    expect(dialectFor(new URL(url)).id).toBe("generic");
  });
});
