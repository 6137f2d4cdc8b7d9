// Loaded into a proxy's process before its own code (`NODE_OPTIONS=--import …`): tells whoever
// connects to the socket that PROBE names what the process holds, after its garbage is collected.
import { readdirSync } from "node:fs";
import { createServer } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc");

/** @type {string[]} */
const warnings = [];
process.on("warning", ({ name, message }) => warnings.push(`${name}: ${message}`));

const path = process.env.PROBE;
if (path !== undefined) createServer(tell).listen(path);

/** @param {import("node:net").Socket} socket */
function tell(socket) {
  // What an earlier collection finalizes is only freed by the next.
  for (let round = 0; round < 4; round += 1) collectGarbage();
  const { heapUsed, rss } = process.memoryUsage();
  const resources = Object.create(null);
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
  const descriptors = readdirSync("/proc/self/fd").length;
  socket.end(JSON.stringify({ heapUsed, rss, resources, descriptors, warnings }));
}
