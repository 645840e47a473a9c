import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { TurnBudget } from '../../../src/broker/streams/turn-budget.ts';

beforeAll(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout'] });
});
afterAll(() => {
  vi.useRealTimers();
});

/** Nobody waits for a commit, and none is under way. */
function quiet() {
  return { done: 4, next: 5, isAwaited: false };
}

/** Reads until the turn is over, which takes half a millisecond at least. Returns whether there was time for that at all. */
function readAll(budget: TurnBudget): boolean {
  if (!budget.start()) return false;
  while (!budget.isSpent) {
    vi.advanceTimersByTime(0.5);
    budget.spend();
  }
  return true;
}

test('readers have some time in each turn', async () => {
  const budget = new TurnBudget(quiet());
  expect(readAll(budget)).toBe(true);
  expect(readAll(budget)).toBe(false);
  await nextTurn();
  expect(readAll(budget)).toBe(true);
});

test('a commit that somebody waits for starts before readers have their turn', () => {
  const commits = { ...quiet(), isAwaited: true };
  const budget = new TurnBudget(commits);
  expect(readAll(budget)).toBe(false);
  commits.next++;
  expect(readAll(budget)).toBe(true);
});

test('while a commit is under way they have one turn, and further ones if it takes long', async () => {
  const commits = { done: 4, next: 6, isAwaited: true };
  const budget = new TurnBudget(commits);
  expect(readAll(budget)).toBe(true);
  await nextTurn();
  expect(readAll(budget)).toBe(false);
  const later = new Promise<void>((resolve) => budget.goOn(resolve));
  vi.advanceTimersByTime(1);
  await later;
  expect(readAll(budget)).toBe(true);
  commits.done++;
  commits.next++;
  expect(readAll(budget)).toBe(true);
});

test('a commit that cannot start keeps nobody waiting', async () => {
  const commits = { done: 4, next: 6, isAwaited: true };
  const budget = new TurnBudget(commits);
  readAll(budget);
  commits.isAwaited = false;
  await nextTurn();
  let isTouched = false;
  budget.goOn(() => {
    isTouched = true;
  });
  expect(isTouched).toBe(true);
  expect(readAll(budget)).toBe(true);
});
