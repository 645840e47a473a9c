import { setImmediate } from 'node:timers/promises';

/** A turn of the event loop, at the end of which the commits start that were asked for before. */
export async function turn(): Promise<void> {
  // Whoever asks is still at work: a commit gets in line behind what that has to say.
  await Promise.resolve();
  await setImmediate();
}
