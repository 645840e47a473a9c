import type { QueuedMessage } from '../broker/queues/peek.ts';
import { type PassingMessage, PassingMessages } from '../broker/taps/passing-messages.ts';
import type { Tap } from '../broker/taps/taps.ts';

/** Between two looks at what has come. */
const intervalMs = 50;

/** What a tail tells: a message, or how many there were that could not be kept for who was too slow. */
export type TailEvent = PassingMessage | { readonly missed: number };

/** How much may wait for whoever watches. */
export interface TailOptions {
  /** Bytes of each body that are kept. Default: 65536. */
  readonly truncate?: number;
  /** Only messages for which this is true. */
  readonly where?: (message: QueuedMessage) => boolean;
  /** Ends the tail. */
  readonly signal?: AbortSignal;
}

const truncateDefault = 64 * 1024;

/** Follows what passes by from now on, until nobody wants any more, or until what is watched is gone. */
export function tail(
  watch: (tap: Tap) => () => void,
  { truncate = truncateDefault, where = () => true, signal }: TailOptions,
): AsyncIterable<TailEvent> {
  let wake = (): void => {};
  const passing = new PassingMessages(truncate, () => wake());
  const leave = watch(passing);
  signal?.addEventListener('abort', () => {
    leave();
    wake();
  });
  return events();

  async function* events(): AsyncGenerator<TailEvent> {
    try {
      while (signal?.aborted !== true && !passing.isOver) {
        if (!passing.hasNews) await new Promise<void>((resolve) => (wake = resolve));
        await new Promise((resolve) => setTimeout(resolve, intervalMs));
        const { messages, missed } = passing.take();
        yield* messages.filter(where);
        if (missed > 0) yield { missed };
      }
    } finally {
      leave();
    }
  }
}
