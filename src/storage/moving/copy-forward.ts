import type { Generations } from '../generations/generations.ts';
import type { StoreLog } from '../store-log.ts';
import { Clearing } from './clearing.ts';
import type { EntryMover } from './entry-mover.ts';

/**
 * Frees generations of which only little is owed still: that little is copied into the newest one, and the old
 * one is dead. So the disk holds about four times what is owed and one generation, whatever is left lying, and
 * every copy gives three times its size back.
 */
export function copyForward(mover: EntryMover, generations: Generations, log: StoreLog): Clearing {
  return new Clearing(mover, () => {
    const generation = generations.mostlyDead;
    if (generation === undefined) return undefined;
    const source = {
      file: generation,
      copied: true,
      prepare: async () => {},
      isThere: () => generations.has(generation),
      isUrgent: () => false,
    };
    return async () => {
      const bytes = await mover.empty(source);
      if (bytes === undefined) return;
      log.info(`copied ${bytes} bytes that are still owed out of generation ${generation.number}`);
      generations.retireDead();
    };
  });
}
