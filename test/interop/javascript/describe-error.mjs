/** What a program can find out about a failure: clients keep the server's words in different places. */
export function describeError(error) {
  const status = error.status_code ?? error.statusCode ?? error.cause?.status_code;
  return { words: [error.message, error.responseBody, error.cause?.message].join(" "), status };
}
