import { describe, expect, it } from 'vitest';
import { QueueFlow } from '../../../src/broker/queues/queue-flow.ts';
import { ManualClock } from '../support.ts';

function publisher() {
  return {
    resumed: 0,
    flowResumed() {
      this.resumed++;
    },
  };
}

describe('flow control of a queue', () => {
  it('holds publishers until it is as short as it was before the first of them came', () => {
    const flow = new QueueFlow(new ManualClock());
    const [first, second] = [publisher(), publisher()];
    expect(flow.hold(first, 10)).toBe(true);
    expect(flow.hold(second, 60)).toBe(true);
    flow.fell(60);
    expect([first.resumed, second.resumed]).toEqual([0, 0]);
    flow.fell(10);
    flow.fell(9);
    expect([first.resumed, second.resumed]).toEqual([1, 1]);
  });

  it('holds nobody for long, and less and less of the time while that is in vain', () => {
    const clock = new ManualClock();
    const flow = new QueueFlow(clock);
    const held = publisher();
    let heldMs = 0;
    for (let ms = 0; ms < 10_000; ms++) {
      const before = held.resumed;
      const isHeld = flow.hold(held, 0);
      clock.advance(1);
      if (isHeld && held.resumed === before) heldMs++;
      flow.fell(1);
    }
    expect(heldMs).toBeGreaterThan(0);
    expect(heldMs).toBeLessThan(10_000 / 20);
    clock.advance(200);
    const before = held.resumed;
    expect(flow.hold(held, 0)).toBe(true);
    clock.advance(5);
    expect(held.resumed).toBe(before + 1);
  });

  it('forgets a publisher that has gone, and lets everybody go when the queue goes', () => {
    const flow = new QueueFlow(new ManualClock());
    const [gone, waiting] = [publisher(), publisher()];
    flow.hold(gone, 0);
    flow.hold(waiting, 0);
    flow.forget(gone);
    flow.stop();
    expect([gone.resumed, waiting.resumed]).toEqual([0, 1]);
  });
});
