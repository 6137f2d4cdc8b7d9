import { findFreePort, startServer, type Server } from "./child-process.ts";
import { interopFile, tool } from "./tools.ts";

export interface ModelServer extends Server {
  /** `http://127.0.0.1:PORT/v1` */
  baseUrl: string;
}

/** A real language model behind an OpenAI-compatible server. */
export async function startModelServer(
  alias: string,
  use?: "thinks and calls tools" | "embeds",
): Promise<ModelServer> {
  const port = await findFreePort();
  const address = `http://127.0.0.1:${port}`;
  const options = [interopFile("model/serve_model.py"), `--port=${port}`, `--alias=${alias}`];
  if (use === "thinks and calls tools") {
    options.push(`--template=${interopFile("model/chat-template.jinja")}`);
  }
  if (use === "embeds") options.push("--embedding");
  const server = await startServer(tool("python"), options, `${address}/health`);
  return { ...server, baseUrl: `${address}/v1` };
}
