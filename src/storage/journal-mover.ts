import { Clearing } from './clearing.ts';
import type { EntryMover } from './entry-mover.ts';
import type { Journal } from './journal.ts';

/** Frees journal files that have been full for a while: what is owed of them still goes to the newest generation. */
export function journalMover(mover: EntryMover, journal: Journal): Clearing {
  return new Clearing(mover, () => {
    const fill = journal.overdue;
    return (
      fill && {
        file: fill,
        copied: false,
        isThere: () => journal.has(fill),
        isUrgent: () => journal.isPressed,
        emptied: () => journal.retireDead(),
      }
    );
  });
}
