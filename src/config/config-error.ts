/** A configuration that can't be used; the message tells the user where and what. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}
