import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { findDebian } from "./debian.ts";

export type BalancerName = "haproxy" | "nginx";

export interface Balancer {
  readonly url: string;
  /** Before a replica is stopped; what an operator does about it. */
  takeOut(place: number): Promise<void>;
  /** Once it serves again: returns when the balancer sends it requests. */
  takeIn(place: number): Promise<void>;
}

export interface BalancerOptions {
  /** Ports of the replicas. */
  readonly replicas: readonly number[];
  /** Whether it asks another replica when one can't be reached. */
  readonly retries: boolean;
}

/** Milliseconds that a replica needs to be out after its `/readyz` said so, for sure. */
export const noticeTime = 1_500;

export function findBalancer(name: BalancerName): string | undefined {
  return findDebian(`/usr/sbin/${name}`, name);
}

export function startBalancer(
  name: BalancerName,
  program: string,
  options: BalancerOptions,
): Promise<Balancer> {
  return starters[name](program, options);
}

const starters = { haproxy: startHaproxy, nginx: startNginx } as const;

/** It asks `/readyz` itself; nothing has to be told. */
async function startHaproxy(
  program: string,
  { replicas, retries }: BalancerOptions,
): Promise<Balancer> {
  const folder = emptyFolder();
  const port = await freePort();
  const statistics = join(folder, "statistics.sock");
  const servers = replicas.map((replica, place) => `  server r${place} 127.0.0.1:${replica} check`);
  writeFileSync(
    join(folder, "haproxy.cfg"),
    `global
  stats socket ${statistics}
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  # A busy machine may take longer to answer than checks are apart.
  timeout check 2s
  retries ${retries ? 3 : 0}
  ${retries ? "option redispatch" : "no option redispatch"}
frontend clients
  bind 127.0.0.1:${port}
  default_backend replicas
backend replicas
  option httpchk GET /readyz
  default-server inter 200ms fall 2 rise 1
${servers.join("\n")}
`,
  );
  start(program, ["-f", join(folder, "haproxy.cfg"), "-db", "-q"]);
  const isUp = async (place: number) => {
    const line = (await tell(statistics, "show stat\n"))
      .split("\n")
      .find((row) => row.startsWith(`replicas,r${place},`));
    return line?.includes(",UP,") === true;
  };
  const takeIn = async (place: number) => {
    while (!(await isUp(place).catch(() => false))) await sleep(50);
  };
  for (const place of replicas.keys()) await takeIn(place);
  return { url: `http://127.0.0.1:${port}`, takeOut: async () => {}, takeIn };
}

/**
 * The free nginx never asks a replica how it is: it has to be told that one is about to go.
 * `max_fails=0`, or it would leave each replica alone for 10 s after a restart that it was not told of,
 * and at last all of them at once.
 */
async function startNginx(
  program: string,
  { replicas, retries }: BalancerOptions,
): Promise<Balancer> {
  const folder = emptyFolder();
  const port = await freePort();
  const file = join(folder, "nginx.conf");
  const down = new Set<number>();
  const write = () => {
    const servers = replicas.map(
      (replica, place) =>
        `    server 127.0.0.1:${replica} ${down.has(place) ? "down" : "max_fails=0"};`,
    );
    writeFileSync(
      file,
      `daemon off;
pid ${join(folder, "nginx.pid")};
error_log stderr error;
worker_processes 1;
events { worker_connections 2048; }
http {
  access_log off;
  client_body_temp_path ${join(folder, "client")};
  proxy_temp_path ${join(folder, "proxy")};
  fastcgi_temp_path ${join(folder, "fastcgi")};
  uwsgi_temp_path ${join(folder, "uwsgi")};
  scgi_temp_path ${join(folder, "scgi")};
  upstream replicas {
${servers.join("\n")}
    keepalive 64;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://replicas;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_buffering off;
      proxy_next_upstream ${retries ? "error timeout" : "off"};
    }
  }
}
`,
    );
  };
  write();
  const child = start(program, ["-c", file, "-p", folder, "-e", "stderr"]);
  await untilConnects(port);
  const reload = async () => {
    write();
    child.kill("SIGHUP");
    await sleep(500);
  };
  return {
    url: `http://127.0.0.1:${port}`,
    takeOut: async (place) => {
      down.add(place);
      await reload();
    },
    takeIn: async (place) => {
      down.delete(place);
      await reload();
    },
  };
}

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "balancer-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function start(program: string, options: readonly string[]): ChildProcess {
  const child = spawn(program, options, { stdio: ["ignore", "ignore", "inherit"] });
  const exit = once(child, "exit");
  onTestFinished(async () => {
    child.kill("SIGTERM");
    await exit;
  });
  return child;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Asks over a socket of the file system and reads the whole answer. */
async function tell(path: string, command: string): Promise<string> {
  const socket = connect(path);
  socket.end(command);
  return text(socket);
}

async function untilConnects(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    const socket = connect(port, "127.0.0.1");
    const connected = await once(socket, "connect").then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (connected) return;
    await sleep(25);
  }
  throw new Error(`nothing listens on port ${port}`);
}
