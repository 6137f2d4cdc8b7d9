/** All that comes, as a list. Node 20 has no `Array.fromAsync`. */
export async function collect(parts) {
  const list = [];
  for await (const part of parts) list.push(part);
  return list;
}
