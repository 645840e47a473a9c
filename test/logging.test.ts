import { expect, it } from 'vitest';
import { createLogger, withoutPassword } from '../src/logging.ts';

function memory(isTTY: boolean) {
  const lines: string[] = [];
  return { lines, isTTY, write: (text: string) => lines.push(text) };
}

it('writes JSON where nobody watches, with levels and without passwords', () => {
  const destination = memory(false);
  const logger = createLogger('warning', destination);
  logger.info('not this');
  logger.warn({ user: 'bob', password: 'secret', login: { response: 'secret' } }, 'refused');
  expect(destination.lines).toHaveLength(1);
  expect(JSON.parse(destination.lines.join(''))).toMatchObject({
    level: 40,
    msg: 'refused',
    user: 'bob',
    password: '[hidden]',
    login: { response: '[hidden]' },
  });
});

it('writes a readable line on a terminal', () => {
  const destination = memory(true);
  createLogger('info', destination).info('ready');
  expect(destination.lines.join('')).toMatch(/\d{4}-\d\d-\d\d .*INFO.*ready/s);
  expect(destination.lines.join('')).not.toContain('{');
});

it.each([
  ['amqp://bob:secret@host:5672/v', 'amqp://bob:***@host:5672/v'],
  ['amqp://bob@host', 'amqp://bob@host'],
  ['amqp://host:5672', 'amqp://host:5672'],
])('hides the password in %s', (uri, hidden) => {
  expect(withoutPassword(uri)).toBe(hidden);
});
