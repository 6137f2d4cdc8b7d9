/** Posts an object and answers the whole body. Any status but 200 is an error. */
export async function postForText(url: string, body: object): Promise<string> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text}`);
  return text;
}

export async function postForJson<Reply>(url: string, body: object): Promise<Reply> {
  return JSON.parse(await postForText(url, body)) as Reply;
}
