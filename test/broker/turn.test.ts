import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/broker/clock.ts';
import { type TouchedQueue, Turn } from '../../src/broker/turn.ts';

/** A queue that notes when it is drained; its first turns may be too short for what it has. */
class NotingQueue implements TouchedQueue {
  readonly isDeleted = false;
  readonly readyCount = 1;
  readonly outrunsConsumers = false;
  isTouched = false;
  readyBefore = 0;
  readonly #drained: () => void;
  readonly #turn: Turn;
  #turnsTooShort: number;

  constructor(turn: Turn, turnsTooShort: number, drained: () => void) {
    this.#turn = turn;
    this.#turnsTooShort = turnsTooShort;
    this.#drained = drained;
  }

  drain(): boolean {
    this.#drained();
    if (this.#turnsTooShort-- <= 0) return true;
    this.#turn.touch(this);
    return false;
  }

  hold(): boolean {
    return false;
  }

  forget(): void {}
}

describe('the end of a turn', () => {
  it('comes early when a queue takes long: the others have theirs first in the next one', async () => {
    const turn = new Turn(systemClock);
    const drained: string[] = [];
    const queues = [
      new NotingQueue(turn, 0, () => drained.push('first')),
      new NotingQueue(turn, 2, () => drained.push('slow')),
      new NotingQueue(turn, 0, () => drained.push('last')),
    ];
    for (const queue of queues) turn.touch(queue);
    // Three chunks come in one turn of the event loop.
    for (let chunk = 0; chunk < 3; chunk++) turn.end(0);
    expect(drained).toEqual(['first', 'slow']);
    await nextTurn();
    // What came before has had its turn, too: nothing was drained at its end.
    expect(drained).toEqual(['first', 'slow']);
    await nextTurn();
    expect(drained).toEqual(['first', 'slow', 'last', 'slow']);
    await nextTurn();
    expect(drained).toEqual(['first', 'slow', 'last', 'slow', 'slow']);
    await nextTurn();
    expect(drained.length).toBe(5);
  });
});
