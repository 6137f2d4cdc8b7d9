/** Does something so many times, so many of them at a time. */
export async function inParallel(
  times: number,
  atOnce: number,
  act: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const one = async () => {
    while (next < times) await act(next++);
  };
  await Promise.all(Array.from({ length: Math.min(times, atOnce) }, one));
}
