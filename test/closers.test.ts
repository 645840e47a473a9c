import { expect, test } from 'vitest';
import { Closers } from '../src/closers.ts';

test('the last is closed first, and one that fails keeps no other open', async () => {
  const closed: string[] = [];
  const closers = new Closers();
  closers.add(() => void closed.push('store'));
  closers.add(() => Promise.reject(new Error('the port does not close')));
  closers.add(() => void closed.push('metrics'));
  await expect(closers.close()).rejects.toThrow('the port does not close');
  await expect(closers.close()).rejects.toThrow('the port does not close');
  expect(closed).toEqual(['metrics', 'store']);
});
