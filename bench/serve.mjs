/**
 * Listens on a free loopback port, tells it to the parent process, and ends with the parent.
 *
 * @param {import("node:http").Server} server
 */
export function serve(server) {
  // The backlog is that of a busy server: a thousand connections may be opened in one go.
  server.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }, () => {
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("No port was given");
    process.send?.({ port: address.port });
  });
  process.on("disconnect", () => process.exit());
}
