import { expect, it } from 'vitest';
import { type DeliveryHolder, DeliveryTimeouts } from '../../src/server/deliveries/delivery-timeouts.ts';
import { ManualClock } from './manual-clock.ts';

class Holder implements DeliveryHolder {
  seat: DeliveryHolder['seat'];
  readonly checkDeliveries: DeliveryHolder['checkDeliveries'];

  constructor(checkDeliveries: DeliveryHolder['checkDeliveries']) {
    this.checkDeliveries = checkDeliveries;
  }
}

it('has one timer for all holders, whoever comes and goes while it runs', () => {
  const clock = new ManualClock();
  const timeouts = new DeliveryTimeouts(clock, 400);
  const checkedAt: number[] = [];
  const late = new Holder((now) => checkedAt.push(now));
  const early = new Holder(() => {
    timeouts.unwatch(early);
    timeouts.watch(late);
  });
  timeouts.watch(early);
  clock.advance(100);
  expect(clock.timerCount).toBe(1);
  clock.advance(200);
  // The first one came while others were being checked, and was checked with them.
  expect(checkedAt).toEqual([100, 200, 300]);
  timeouts.unwatch(late);
  expect(clock.timerCount).toBe(0);
});
