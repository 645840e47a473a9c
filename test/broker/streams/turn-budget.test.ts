import { expect, test } from 'vitest';
import { TurnBudget } from '../../../src/broker/streams/turn-budget.ts';

/** Nobody waits for a commit, and none is under way. */
function quiet() {
  return { done: 4, next: 5, isAwaited: false };
}

/** Reads until the turn is over. Returns whether there was time for that at all. */
function readAll(budget: TurnBudget): boolean {
  if (!budget.start()) return false;
  while (!budget.isSpent) budget.spend();
  return true;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
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
  await new Promise<void>((resolve) => budget.goOn(resolve));
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
