import { describe, expect, it } from 'vitest';
import { PasswordChecker } from '../../src/access/passwords/password-checker.ts';
import { hashFast, hashPassword, noPassword } from '../../src/access/passwords/password-hash.ts';

/** Whether a check is done before anything could have been computed on another thread. */
async function isImmediate(check: Promise<boolean>): Promise<boolean> {
  let hasTurned = false;
  setImmediate(() => {
    hasTurned = true;
  });
  await check;
  return !hasTurned;
}

describe('the password checker', () => {
  it('pays for a right password once', async () => {
    const checker = new PasswordChecker();
    const hash = await hashPassword('right');
    const check = () => checker.matches('u', 'right', hash);
    expect(await isImmediate(check())).toBe(false);
    expect(await isImmediate(check())).toBe(true);
    expect(await check()).toBe(true);
    // The same hash put anew is another one: the user was changed.
    expect(await isImmediate(checker.matches('u', 'right', { ...hash }))).toBe(false);
  });

  it('pays for a wrong password once per user', async () => {
    const checker = new PasswordChecker();
    const hash = hashFast('right');
    const check = (user: string, password: string) => checker.matches(user, password, hash);
    expect(await isImmediate(check('u', 'wrong'))).toBe(false);
    expect(await isImmediate(check('u', 'wrong'))).toBe(true);
    expect(await check('u', 'wrong')).toBe(false);
    expect(await isImmediate(check('v', 'wrong'))).toBe(false);
    expect(await isImmediate(checker.matches('u', 'wrong', undefined))).toBe(false);
  });

  it.each([
    ['nobody', undefined],
    ['a user without a password', noPassword],
    ['a user with a quick hash', hashFast('right')],
  ])('takes as long to refuse %s as anybody else', async (_who, hash) => {
    const checker = new PasswordChecker();
    const slow = await hashPassword('right');
    const took = async (check: () => Promise<boolean>) => {
      const cpu = process.cpuUsage();
      expect(await check()).toBe(false);
      const { user, system } = process.cpuUsage(cpu);
      return (user + system) / 1000;
    };
    // In CPU time, which others on the machine do not change much: one slow hash, and nothing of its order.
    const [theirs, others] = [
      await took(() => checker.matches('u', 'a', hash)),
      await took(() => checker.matches('u', 'b', slow)),
    ];
    expect(theirs).toBeGreaterThan(others / 3);
    expect(theirs).toBeLessThan(others * 3);
  });

  it('never takes an empty password', async () => {
    const checker = new PasswordChecker();
    expect(await checker.matches('u', '', noPassword)).toBe(false);
    expect(await checker.matches('u', '', hashFast('x'))).toBe(false);
    expect(await checker.matches('u', '', undefined)).toBe(false);
    expect(await checker.matches('u', '', await hashPassword('x'))).toBe(false);
  });

  it('shares a check among all who wait for it: more than may wait', async () => {
    const checker = new PasswordChecker();
    const hash = await hashPassword('right');
    const checks = Array.from({ length: 3000 }, () => checker.matches('u', 'right', hash));
    expect((await Promise.all(checks)).every((matches) => matches)).toBe(true);
  });
});
