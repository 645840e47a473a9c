import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Committer } from '../../src/broker/committer.ts';
import { type Commit, MemoryStore } from '../../src/broker/store.ts';
import { startBroker } from '../../src/index.ts';
import { FieldTable } from '../../src/protocol/field-table.ts';
import { type Method, MethodId } from '../../src/protocol/methods.ts';
import { Answers } from '../../src/server/output/answers.ts';
import { methodFrame, RawClient } from './raw-client.ts';

/** Commits end when the test says so. */
class SlowStore extends MemoryStore {
  readonly commits: Commit[] = [];
  finish: () => void = () => {};

  override commit(commit: Commit): Promise<void> {
    this.commits.push(commit);
    return new Promise((resolve) => {
      this.finish = resolve;
    });
  }
}

function setUp() {
  const store = new SlowStore();
  const committer = new Committer(store, { storeFailed() {}, storeFull() {} });
  const said: string[] = [];
  const host = {
    pauseInput: () => void said.push('pause'),
    resumeInput: () => void said.push('resume'),
    answered: () => {},
  };
  const answers = new Answers(host, committer);
  const declare = (name: string) => {
    committer.define(['queue', '/', name], {});
    answers.add(() => said.push(name));
  };
  const commit = async () => {
    await turn();
    store.finish();
    await turn();
  };
  return { store, answers, said, declare, commit };
}

describe('answers that wait for the disk', () => {
  it('share a commit, and those that come during it the next one', async () => {
    const { store, answers, said, declare, commit } = setUp();
    declare('a');
    declare('b');
    await turn();
    declare('c');
    expect(said).toEqual([]);
    await commit();
    expect(said).toEqual(['a', 'b']);
    await commit();
    expect(said).toEqual(['a', 'b', 'c']);
    expect(store.commits.map(({ definitions }) => definitions.length)).toEqual([2, 1]);
    answers.add(() => said.push('at once'));
    expect(said.at(-1)).toBe('at once');
  });

  it('keep what comes behind them waiting', async () => {
    const { answers, said, declare, commit } = setUp();
    declare('a');
    answers.afterwards(() => said.push('then'));
    await commit();
    expect(said).toEqual(['pause', 'a', 'then', 'resume']);
  });

  it('do not grow without end', async () => {
    const { said, declare, commit } = setUp();
    for (let i = 0; i < 5000; i++) declare(`${i}`);
    expect(said).toEqual(['pause']);
    await commit();
    expect(said.length).toBe(5002);
    expect(said.at(-1)).toBe('resume');
  });

  it('are forgotten with the connection', async () => {
    const { answers, said, declare, commit } = setUp();
    declare('a');
    answers.afterwards(() => said.push('then'));
    answers.stop();
    await commit();
    expect(said).toEqual(['pause']);
  });
});

function declaration(queue: string, passive = false): Method {
  const flags = { durable: true, exclusive: false, autoDelete: false, noWait: false };
  return { id: MethodId.QueueDeclare, queue, passive, ...flags, arguments: FieldTable.empty };
}

it('a client that waits for nothing has everything answered in order, an error too', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'leveret-answers-'));
  const broker = await startBroker({ port: 0, dataDir });
  try {
    const client = await RawClient.open(broker.port);
    await client.openChannel(1);
    await client.openChannel(2);
    const consume: Method = {
      id: MethodId.BasicConsume,
      queue: 'q1',
      consumerTag: 'c',
      noLocal: false,
      noAck: true,
      exclusive: false,
      noWait: false,
      arguments: FieldTable.empty,
    };
    const methods = [declaration('q0'), declaration('q1'), consume, declaration('q2')];
    const frames = [...methods, declaration('missing', true)].map((method) => methodFrame(1, method));
    client.write(Buffer.concat([...frames, methodFrame(2, declaration('q3'))]));
    for (const name of ['q0', 'q1'])
      expect((await client.expect(MethodId.QueueDeclareOk, 1)).queue).toBe(name);
    await client.expect(MethodId.BasicConsumeOk, 1);
    await client.expect(MethodId.QueueDeclareOk, 1);
    expect((await client.expect(MethodId.ChannelClose, 1)).replyCode).toBe(404);
    await client.expect(MethodId.QueueDeclareOk, 2);
    client.socket.destroy();
  } finally {
    await broker.close();
    await rm(dataDir, { recursive: true, force: true });
  }
});
