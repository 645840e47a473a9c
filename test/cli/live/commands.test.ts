import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ExitCode } from '../../../src/cli/exit-code.ts';
import { type RunningBroker, startBroker } from '../../../src/index.ts';
import { HttpClient } from '../../management/http-client.ts';
import { FakeTerminal } from './fake-terminal.ts';

let broker: RunningBroker;
let http: HttpClient;
let terminal: FakeTerminal;

beforeAll(async () => {
  broker = await startBroker({ port: 0, managementPort: 0 });
  http = new HttpClient(broker.managementPort);
});
afterAll(() => broker.close());
beforeEach(() => {
  terminal = new FakeTerminal(broker);
});

const run = (...args: readonly string[]) => terminal.run(...args);

async function publish(queue: string, payload: string, more: object = {}): Promise<void> {
  const message = { routing_key: queue, properties: {}, payload, payload_encoding: 'string', ...more };
  await http.post('/api/exchanges/%2F/amq.default/publish', message);
}

async function declare(queue: string, messages = 0, all: object = {}): Promise<void> {
  await http.put(`/api/queues/%2F/${queue}`, { arguments: all });
  for (let index = 0; index < messages; index++) await publish(queue, `${queue} ${index}`);
}

async function ready(queue: string): Promise<number> {
  return (await http.get(`/api/queues/%2F/${queue}`)).body.messages_ready;
}

describe('peek', () => {
  it('shows text, JSON, and bytes, so that they cannot harm the terminal', async () => {
    await declare('peeked');
    await publish('peeked', 'one\n\x1b[31mtwo', { properties: { type: 'note', headers: { colour: 'red' } } });
    await publish('peeked', '{"id":12345678901234567890,"all":[]}');
    await publish('peeked', Buffer.from([0, 255, 65]).toString('base64'), { payload_encoding: 'base64' });
    const printed = await run('peek', 'peeked');
    expect(printed).toMatch(/^#1 {3}exchange \(default\) {3}routing key peeked {3}.* {3}12 B\n/);
    expect(printed).toContain('  type: note\n  headers\n    colour: red\n    one\n    \\x1b[31mtwo\n\n#2');
    expect(printed).toContain('    {\n      "id": 12345678901234567890,\n      "all": []\n    }\n');
    expect(printed).toMatch(/ {4}00000000 {2}00 ff 41 +\|\.\.A\|\n/);
    expect(terminal.noted).toBe('3 messages shown; there are no more\n');
    expect(await ready('peeked')).toBe(3);
  });

  it('goes on where it ended, and filters', async () => {
    await declare('paged', 3);
    expect(await run('peek', 'paged', '--count', '2', '--json')).toMatch(
      /^\{.*"payload":"paged 0".*\}\n\{.*"payload":"paged 1".*\}\n\{"next":"0\.2"\}\n$/,
    );
    expect(await run('peek', 'paged', '--from', '0.2', '--json')).toMatch(/^\{.*"payload":"paged 2".*\}\n$/);
    expect(await run('peek', 'paged', '--payload', 'd 1')).toMatch(/^#1 [^#]*paged 1\n\n$/);
    expect(await run('peek', 'paged', '3')).toMatch(/^#3 [^#]*paged 2\n\n$/);
    await expect(run('peek', 'paged', '4')).rejects.toThrow('does not have a message at that position');
    await expect(run('peek', 'paged', '0')).rejects.toThrow('position: "0" is not a whole number from 1');
    await expect(run('peek', 'paged', '1', '--count', '2')).rejects.toThrow('so --count means nothing');
    await run('peek', 'paged', '--older-than', '1h');
    expect(terminal.noted).toBe('0 messages shown; there are no more\n');
    await expect(run('peek', 'paged', '--older-than', 'long')).rejects.toThrow('is not a time such as 30s');
    await expect(run('peek', 'paged', '--routing-key', 'a.#')).rejects.toThrow("'^a\\..*$'");
    await expect(run('peek', 'paged', '--count', '0')).rejects.toThrow('--count: "0" is not a whole number');
    await expect(run('peek', 'gone')).rejects.toThrow("no queue 'gone' in vhost '/'");
  });
});

describe('tail', () => {
  it('follows a queue until it has shown enough, or somebody has seen enough', async () => {
    await declare('followed', 1);
    const one = run('tail', 'followed', '--count', '1');
    await terminal.shows(/Following queue 'followed'/);
    // The note comes before the broker has heard of it.
    const stop = setInterval(() => void publish('followed', 'new'), 50);
    expect(await one).toMatch(/^\d\d:\d\d:\d\d\.\d{3} {2}followed {2}3 B {2}new\n$/);
    clearInterval(stop);
    expect(terminal.noted).toMatch(/1 message shown\n$/);
    const endless = run('tail', 'followed');
    await terminal.shows(/Following/);
    terminal.interrupt();
    expect(await endless).toBe('');
  });

  it('follows an exchange, and says when it is deleted', async () => {
    await http.put('/api/exchanges/%2F/news', { type: 'fanout' });
    const followed = run('tail', '--exchange', 'news', '--full');
    const stop = setInterval(
      () =>
        http.post('/api/exchanges/%2F/news/publish', {
          routing_key: 'k',
          properties: {},
          payload: 'x',
          payload_encoding: 'string',
        }),
      50,
    );
    await terminal.shows(/#1 {3}exchange news {3}routing key k .*\n {4}x\n/);
    clearInterval(stop);
    await http.delete('/api/exchanges/%2F/news');
    await expect(followed).rejects.toMatchObject({ exitCode: ExitCode.Unavailable });
    await expect(run('tail')).rejects.toThrow('tail follows a queue');
    await expect(run('tail', '--exchange', 'none')).rejects.toThrow("no exchange 'none'");
  });
});

describe('move and replay', () => {
  it('move what is meant, and say what they did', async () => {
    await declare('from', 3);
    await declare('to');
    expect(await run('move', 'from', 'to', '--dry-run')).toBe(
      "3 messages would be moved from 'from' to 'to'\n",
    );
    expect(await run('move', 'from', 'to', '--payload', 'm 1')).toBe(
      "1 message moved from 'from' to 'to'; 2 passed over\n",
    );
    expect(await run('move', 'from', '--to-exchange', 'amq.fanout')).toBe(
      "0 messages moved from 'from' to exchange 'amq.fanout'; 2 stay, there is no queue for them\n",
    );
    expect(await run('move', 'from', 'to', '--limit', '1', '--json')).toMatch(/^\{"done":true,.*"moved":1,/);
    expect([await ready('from'), await ready('to')]).toEqual([1, 2]);
    await expect(run('move', 'from')).rejects.toThrow('move goes to a queue');
    await expect(run('move', 'from', 'nowhere')).rejects.toThrow(
      "no queue 'nowhere' in vhost '/': leveretctl list_queues -p '/' shows those there are",
    );
    await expect(run('move', 'from', '--to-exchange', 'nowhere')).rejects.toThrow(
      "no exchange 'nowhere' in vhost '/': leveretctl list_exchanges -p '/' shows those there are",
    );
    await expect(run('move', 'from', 'gone')).rejects.toThrow("no queue 'gone'");
  });

  it('fail when a full queue takes no more', async () => {
    await declare('many', 3);
    await declare('small', 0, { 'x-max-length': 1, 'x-overflow': 'reject-publish' });
    await expect(run('move', 'many', 'small')).rejects.toThrow('a full queue');
    expect(await ready('many')).toBe(2);
  });

  it('tell how far they got when they are stopped', async () => {
    await declare('slow', 3);
    await declare('slowly');
    const moving = run('move', 'slow', 'slowly', '--rate', '1');
    moving.catch(() => {});
    while ((await ready('slowly')) === 0) await delay(10);
    terminal.interrupt();
    await expect(moving).rejects.toMatchObject({ exitCode: ExitCode.Interrupted });
    await expect(moving).rejects.toThrow(/^stopped: about [01] messages? moved from 'slow' to 'slowly'$/);
  });

  it('bring dead letters back', async () => {
    await declare('dead');
    await declare('work', 2, { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' });
    const get = { count: 2, ackmode: 'reject_requeue_false', encoding: 'auto' };
    await http.post('/api/queues/%2F/work/get', get);
    expect(await run('replay', 'dead')).toBe("2 messages moved from 'dead' to where they died\n");
    expect(await ready('work')).toBe(2);
  });
});

it('lists messages that wait, and cancels them', async () => {
  await http.put('/api/exchanges/%2F/later', {
    type: 'x-delayed-message',
    arguments: { 'x-delayed-type': 'direct' },
  });
  for (const payload of ['one', 'two']) {
    const properties = { headers: { 'x-delay': 50_000 } };
    const message = { routing_key: 'k', properties, payload, payload_encoding: 'string' };
    await http.post('/api/exchanges/%2F/later/publish', message);
  }
  const printed = await run('list_delayed_messages', '--exchange', 'later', '--count', '1');
  const [, id = ''] =
    /^id (\w+) {3}in (?:50|49) s {3}exchange later .*\n[^#]* {4}one\n\n$/.exec(printed) ?? [];
  expect(terminal.noted).toBe(`1 message shown; the next ones: --from ${id}\n`);
  expect(await run('list_delayed_messages', '--exchange', 'later', '--from', id, '--json')).toMatch(
    /"payload":"two"/,
  );
  expect(await run('cancel_delayed_message', id, '--exchange', 'later')).toBe(`Message ${id} is cancelled\n`);
  await expect(run('cancel_delayed_message', id, '--exchange', 'later')).rejects.toThrow(
    `no message ${id} waits`,
  );
  await expect(run('list_delayed_messages')).rejects.toThrow('say where messages wait');
  await expect(run('list_delayed_messages', '--queue', 'none')).rejects.toThrow("no queue 'none'");
});

describe('top', () => {
  it('prints one look where there is no screen', async () => {
    await declare('busy', 2);
    const printed = await run('top', '--sort', 'ready', '--filter', 'busy');
    expect(printed).toMatch(/^leveret@\S+ {2}Leveret \S+ {3}1 \[queues\]/);
    expect(printed).toMatch(/\nNAME +READY↓ +UNACKED .*\nbusy +2 +0 /);
    expect(await run('top', 'connections', '--json')).toBe('');
    await expect(run('top', 'nodes')).rejects.toThrow('top shows queues, connections, channels');
    await expect(run('top', '--sort', 'age')).rejects.toThrow('no column "age" of queues');
  });
});

it('watches a list', async () => {
  await declare('listed');
  const watching = run('list_queues', '--watch', '0.5', '-s');
  await terminal.shows(/listed\t0\n.*listed\t0\n/s);
  terminal.interrupt();
  await watching;
  await expect(run('delete_queue', 'listed', '--watch')).rejects.toThrow('delete_queue is no list');
  await expect(run('list_queues', '--watch', '0')).rejects.toThrow('is not a number of seconds from 0.5');
});
