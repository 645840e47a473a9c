import { beforeEach, describe, expect, it } from 'vitest';
import { LoginThrottle } from '../../src/access/login-throttle.ts';
import { ManualClock } from '../broker/support.ts';

let clock: ManualClock;
let throttle: LoginThrottle;

const home = '10.0.0.1';
const attacker = '10.6.6.6';

function fail(username: string, address: string, passwords: number, first = 0): void {
  for (let i = first; i < first + passwords; i++) throttle.failed({ username, password: `${i}`, address });
}

function isLetTry(username: string, address: string): boolean {
  try {
    throttle.check({ username, password: 'any', address });
    return true;
  } catch {
    return false;
  }
}

beforeEach(() => {
  clock = new ManualClock();
  throttle = new LoginThrottle({ perAddress: 5, perUser: 3 }, clock);
});

describe('the login throttle', () => {
  it('refuses a user whose password is being guessed, for the rest of the minute', () => {
    fail('app', attacker, 2);
    expect(isLetTry('app', attacker)).toBe(true);
    fail('app', '10.7.7.7', 1, 2);
    expect(isLetTry('app', attacker)).toBe(false);
    expect(isLetTry('app', home)).toBe(false);
    expect(isLetTry('other', home)).toBe(true);
    clock.advance(59_999);
    expect(isLetTry('app', home)).toBe(false);
    clock.advance(1);
    expect(isLetTry('app', home)).toBe(true);
  });

  it('refuses an address that guesses at many users', () => {
    for (const user of ['a', 'b', 'c', 'd', 'e']) fail(user, attacker, 1);
    expect(isLetTry('f', attacker)).toBe(false);
    expect(isLetTry('f', home)).toBe(true);
  });

  it('does not mind the same wrong password again and again', () => {
    for (let i = 0; i < 100; i++) fail('app', home, 1);
    expect(isLetTry('app', home)).toBe(true);
  });

  it('keeps nobody out who has come in from the same address before', () => {
    throttle.succeeded({ username: 'app', address: home });
    fail('app', attacker, 3);
    for (const user of ['a', 'b', 'c', 'd', 'e']) fail(user, home, 1);
    expect(isLetTry('app', attacker)).toBe(false);
    expect(isLetTry('x', home)).toBe(false);
    expect(isLetTry('app', home)).toBe(true);
    // Guessing is counted there, too.
    fail('app', home, 3);
    expect(isLetTry('app', home)).toBe(false);
  });

  it('can be switched off', () => {
    const limit = Number.POSITIVE_INFINITY;
    throttle = new LoginThrottle({ perAddress: limit, perUser: limit }, clock);
    fail('app', attacker, 1000);
    expect(isLetTry('app', attacker)).toBe(true);
  });
});
