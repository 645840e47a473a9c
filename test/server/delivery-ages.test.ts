import { expect, test } from 'vitest';
import { DeliveryAges } from '../../src/server/deliveries/delivery-ages.ts';

test('a delivery is as old as the first look that saw it, and never taken for older', () => {
  const ages = new DeliveryAges();
  expect(ages.ageOf(1, 100)).toBe(0);
  ages.note(3, 1, 100);
  ages.note(3, 1, 200);
  ages.note(7, 2, 300);
  expect([1, 3, 4, 7, 8].map((tag) => ages.ageOf(tag, 400))).toEqual([300, 300, 100, 100, 0]);
});

test('any number of looks takes a bounded number of marks and makes nothing look older', () => {
  const ages = new DeliveryAges();
  for (let tag = 1; tag <= 10_000; tag++) ages.note(tag, 1, tag * 10);
  for (let tag = 1; tag <= 10_000; tag++)
    expect(ages.ageOf(tag, 100_000)).toBeLessThanOrEqual(100_000 - tag * 10);
  expect(ages.ageOf(1, 100_000)).toBeGreaterThan(50_000);
});
