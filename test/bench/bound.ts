/**
 * The machine's own bounds: what it does with a load's bytes when there is no broker. They are measured half of the time
 * right before Leveret's step and half right after it: a disk may be fast until it has taken some gigabytes, and neither
 * of the two is to have that for itself.
 */
import type { Figures } from './load.ts';

export const boundNames = ['disk', 'loopback'] as const;
export type BoundName = (typeof boundNames)[number];

/** What the columns show, for people. */
export const boundMeanings: Readonly<Record<BoundName, string>> = {
  disk: 'the disk alone: a file that grows by sequential writes with a flush after each, in commits as large as Leveret has made (bodies only; at least a page)',
  loopback:
    'the kernel alone: a relay that reads from one connection and writes to another, with a sender and a receiver beside it, and the best of three sizes of buffers',
};

/** What holds for all of them. */
export const boundNote =
  'Bounds of the machine are measured half of the time right before Leveret and half right after it; "to" one is the share of it that Leveret reaches';

export interface Bound {
  readonly name: BoundName;
  /** Measures for `seconds`; `latest` is what Leveret's last load has shown. Returns messages per second. */
  measure(seconds: number, latest: Figures): number;
  /** Of all that was measured, by amqpload's names. */
  figures(): Figures;
  /** Lets go of what it measured with. */
  close(): void;
}
