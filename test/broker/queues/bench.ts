import { expect } from 'vitest';
import { Committer } from '../../../src/broker/committer.ts';
import type { CommittedLog, LogContext } from '../../../src/broker/log/log-context.ts';
import { MessageLog } from '../../../src/broker/log/message-log.ts';
import { SlabPool } from '../../../src/broker/log/slab.ts';
import { Message } from '../../../src/broker/message.ts';
import type { QueueType } from '../../../src/broker/queue-type.ts';
import type { Store } from '../../../src/broker/store.ts';

const logId = 7;
const persistentProperties = Buffer.from([0x10, 0x00, 2]);
const transientProperties = Buffer.from([0, 0]);

/** A message whose body says which it is. */
export function messageOf(id: number, persistent: boolean, bodyBytes: number): Message {
  const body = Buffer.from(`${id}:`.padEnd(bodyBytes, '.'));
  return Message.of('', 'q', persistent ? persistentProperties : transientProperties, body);
}

/** A log over a store, with a memory target of nothing, so that everything that can leave memory does. */
export class Bench implements LogContext {
  readonly slabs = new SlabPool();
  readonly slabBytesTarget = 0;
  readonly committer: Committer;
  readonly store: Store;
  /** What the store has read since this was cleared. */
  readonly buffersRead = new Set<Buffer>();
  missing = 0;
  log: MessageLog;
  /** The log as commits know it, once they do. */
  committed: CommittedLog | undefined;

  constructor(store: Store, type: QueueType) {
    this.store = store;
    const read = store.read.bind(store);
    store.read = (...range) => {
      const entries = read(...range);
      for (const { bytes } of entries) this.buffersRead.add(bytes);
      return entries;
    };
    this.committer = new Committer(store, {
      storeFailed(cause) {
        throw cause;
      },
      storeFull: () => expect.unreachable(),
    });
    const recovered = store.recover().logs.get(logId);
    this.log =
      recovered === undefined
        ? new MessageLog(this, { id: logId, durable: true, type })
        : MessageLog.recover(this, recovered, type);
  }

  logUnwritten(log: CommittedLog): void {
    this.committer.logUnwritten(log);
  }

  writingAhead(done: Promise<void>): void {
    this.committer.writingAhead(done);
  }

  logUsed(log: CommittedLog): void {
    this.committed = log;
    this.committer.logUsed(log);
  }

  reportMissing(_log: MessageLog, count: number): void {
    this.missing += count;
  }

  async close(): Promise<void> {
    await this.committer.close();
    await this.store.close();
  }
}
