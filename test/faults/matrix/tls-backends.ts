import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type ServerOptions } from "node:https";
import { createServer as createHttpServer, type RequestListener, type Server } from "node:http";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RecordedRequest } from "../../support/scripted-upstream.ts";
import { closing, listening, type Backend } from "./backends.ts";
import { WELL } from "./backend-scripts.ts";

const folder = mkdtempSync(join(tmpdir(), "certificates-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const file = (name: string) => join(folder, name);
const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

function openssl(...parameters: string[]): void {
  execFileSync("openssl", parameters, { stdio: "pipe" });
}

/** Made when they are first needed; `openssl` is everywhere. */
let authority: string | undefined;

function authorityFile(): string {
  if (authority === undefined) {
    authority = file("ca.pem");
    const out = ["-keyout", file("ca.key"), "-out", authority];
    openssl("req", "-x509", ...newKey, ...out, "-subj", "/CN=authority", "-days", "2");
  }
  return authority;
}

/** @param subject as an entry of `subjectAltName` */
function certificate(subject: string, days: number): ServerOptions {
  const ca = authorityFile();
  const out = ["-keyout", file("server.key"), "-out", file("server.csr")];
  openssl("req", ...newKey, ...out, "-subj", "/CN=server");
  writeFileSync(file("extensions"), `subjectAltName=${subject}\n`);
  const signing = ["-CA", ca, "-CAkey", file("ca.key"), "-CAcreateserial"];
  const more = ["-days", String(days), "-extfile", file("extensions"), "-out", file("server.pem")];
  openssl("x509", "-req", "-in", file("server.csr"), ...signing, ...more);
  return { key: readFileSync(file("server.key")), cert: readFileSync(file("server.pem")) };
}

const OWN_ADDRESS = "IP:127.0.0.1";

/** Its authority is trusted, and all is well with it. */
export function wellCertified(): Promise<Backend> {
  return overTls(certificate(OWN_ADDRESS, 2));
}

export function expired(): Promise<Backend> {
  return overTls(certificate(OWN_ADDRESS, -1));
}

export function ofAnotherName(): Promise<Backend> {
  return overTls(certificate("DNS:elsewhere.example", 2));
}

export function selfSigned(): Promise<Backend> {
  const out = ["-keyout", file("own.key"), "-out", file("own.pem")];
  const subject = ["-subj", "/CN=own", "-addext", `subjectAltName=${OWN_ADDRESS}`];
  openssl("req", "-x509", ...newKey, ...out, ...subject, "-days", "2");
  return overTls({ key: readFileSync(file("own.key")), cert: readFileSync(file("own.pem")) });
}

/** It speaks no version of TLS that is still thought safe. */
export function ofOldTls(): Promise<Backend> {
  const old = { minVersion: "TLSv1", maxVersion: "TLSv1" } as const;
  return overTls({ ...certificate(OWN_ADDRESS, 2), ...old, ciphers: "DEFAULT@SECLEVEL=0" });
}

/** It speaks HTTP where TLS is expected. */
export function withoutTls(): Promise<Backend> {
  return serving((listener) => createHttpServer(listener));
}

function overTls(options: ServerOptions): Promise<Backend> {
  return serving((listener) => createServer(options, listener));
}

/** Answers well whatever is asked, and keeps every request that gets so far. */
async function serving(create: (listener: RequestListener) => Server): Promise<Backend> {
  const requests: RecordedRequest[] = [];
  const sockets = new Set<Socket>();
  const server = create(({ method = "", url: path = "", headers }, response) => {
    const { authorization = "" } = headers;
    requests.push({ method, path, headers: { authorization }, body: "" });
    response.setHeader("content-type", "text/event-stream");
    response.end(WELL);
  });
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  const port = await listening(server);
  return {
    baseUrl: `https://127.0.0.1:${port}/v1`,
    caFile: authorityFile(),
    requests,
    lookups: [],
    connections: () => sockets.size,
    isIdle: () => true,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await closing(server);
    },
  };
}
