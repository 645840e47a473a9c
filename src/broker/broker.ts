import { Alarms } from './alarms.ts';
import type { Clock } from './clock.ts';
import { Committer, type CommitterEvents } from './committer.ts';
import { isOfModel, readVhostMetadata, vhostValue } from './definitions.ts';
import { DoubtfulDeliveries } from './doubtful-deliveries.ts';
import { Churn } from './message-stats.ts';
import type { Queue } from './queue.ts';
import type { QueueType } from './queue-type.ts';
import { type LogContext, MessageLog } from './queues/message-log.ts';
import { SlabPool } from './queues/slab.ts';
import { ReplyAddresses } from './reply-addresses.ts';
import type { Definition, JsonValue, RecoveredLog, Store } from './store.ts';
import { OffsetStamp } from './streams/offset-stamp.ts';
import { SegmentCache } from './streams/segment-cache.ts';
import { TurnBudget } from './streams/turn-budget.ts';
import { type BrokerContext, VirtualHost } from './virtual-host.ts';

/** Messages in memory: above this, backlogs are left to the disk. */
const slabBytesTarget = 64 * 1024 * 1024;

/** Above this, who publishes waits for the disk to catch up: eight times what backlogs are cut down to. */
const slabBytesMax = 8 * slabBytesTarget;

/** The virtual host that exists from the start. */
export const defaultVirtualHost = '/';

/** What the broker has to say to whoever runs it. */
export interface BrokerEvents extends CommitterEvents {
  /** Messages that should be in the store could not be read. */
  messagesMissing(logId: number, count: number): void;
}

/** The model as a whole: virtual hosts over one store. No sockets, no files, no clock of its own. */
export class Broker implements BrokerContext, LogContext {
  readonly clock: Clock;
  readonly store: Store;
  readonly committer: Committer;
  readonly slabs = new SlabPool();
  readonly segmentCache: SegmentCache;
  readonly offsetStamp: OffsetStamp = new OffsetStamp();
  readonly turnBudget: TurnBudget = new TurnBudget();
  readonly slabBytesTarget = slabBytesTarget;
  readonly alarms = new Alarms();
  readonly replies = new ReplyAddresses();
  readonly churn: Churn = new Churn();

  readonly #events: BrokerEvents;
  readonly #vhosts = new Map<string, VirtualHost>();
  #touched: Queue[] = [];
  #isTurnEndScheduled = false;
  #nextLogId = 1;
  #recovered: ReadonlyMap<number, RecoveredLog> = new Map();
  #doubtful: DoubtfulDeliveries | undefined;
  /** What the store has kept beside the model: users, permissions, parameters. */
  settings: readonly Definition[] = [];

  private constructor(store: Store, clock: Clock, events: BrokerEvents) {
    this.store = store;
    this.segmentCache = new SegmentCache(store, this.slabs);
    this.clock = clock;
    this.#events = events;
    this.committer = new Committer(store, {
      storeFailed: (cause) => events.storeFailed(cause),
      storeFull: (cause) => {
        this.alarms.set('disk', cause !== undefined, 'store');
        events.storeFull(cause);
      },
    });
  }

  /** Builds the model from what the store has kept; a new store gets the default virtual host. */
  static open(store: Store, clock: Clock, events: BrokerEvents): Broker {
    const broker = new Broker(store, clock, events);
    const recovered = store.recover();
    broker.#recovered = recovered.logs;
    const doubtful = new DoubtfulDeliveries(recovered);
    broker.#doubtful = doubtful;
    const claimed = broker.#recoverVirtualHosts(recovered.definitions);
    broker.#nextLogId = recovered.nextLogId;
    for (const logId of claimed) broker.#nextLogId = Math.max(broker.#nextLogId, logId + 1);
    for (const logId of recovered.logs.keys()) {
      if (!claimed.has(logId)) broker.committer.logDropped(logId);
    }
    for (const { key, value } of doubtful.changes(claimed)) broker.define(key, value);
    broker.#recovered = new Map();
    broker.#doubtful = undefined;
    broker.settings = recovered.definitions.filter(({ key }) => !isOfModel(key));
    // One that somebody has deleted does not come back.
    if (recovered.definitions.length === 0) broker.createVirtualHost(defaultVirtualHost);
    return broker;
  }

  #recoverVirtualHosts(definitions: readonly Definition[]): ReadonlySet<number> {
    const ofVhost = new Map<string, Definition[]>();
    for (const definition of definitions) {
      const [kind, name] = definition.key;
      if (name === undefined || !isOfModel(definition.key)) continue;
      if (kind === 'vhost') {
        const vhost = new VirtualHost(name, this);
        vhost.metadata = readVhostMetadata(definition);
        this.#vhosts.set(name, vhost);
      }
      const others = ofVhost.get(name);
      if (others === undefined) ofVhost.set(name, [definition]);
      else others.push(definition);
    }
    for (const vhost of this.#vhosts.values()) vhost.recover(ofVhost.get(vhost.name) ?? []);
    const claimed = new Set<number>();
    for (const vhost of this.#vhosts.values()) {
      for (const queue of vhost.queues()) {
        for (const log of queue.logs) claimed.add(log.id);
      }
      for (const { sideLogs } of vhost.exchanges())
        for (const log of sideLogs?.logs ?? []) claimed.add(log.id);
    }
    return claimed;
  }

  /**
   * Publishers are faster than the disk: memory fills with what waits to be written. Once nothing waits any
   * more memory is full for other reasons, and those are the memory alarm's business.
   */
  get isDiskBehind(): boolean {
    const { slabs, committer, store } = this;
    const bytes = slabs.bytesInUse + committer.rows.pendingBytes;
    return bytes > slabBytesMax && store.durable && committer.isBehind;
  }

  get vhosts(): ReadonlyMap<string, VirtualHost> {
    return this.#vhosts;
  }

  vhost(name: string): VirtualHost | undefined {
    return this.#vhosts.get(name);
  }

  createVirtualHost(name: string): VirtualHost {
    const vhost = new VirtualHost(name, this);
    this.#vhosts.set(name, vhost);
    this.defineVirtualHost(vhost);
    return vhost;
  }

  /** Keeps what is said of a virtual host now. */
  defineVirtualHost({ name, metadata }: VirtualHost): void {
    this.define(['vhost', name], vhostValue(metadata));
  }

  /** Whoever is connected to it has to be gone. */
  deleteVirtualHost(vhost: VirtualHost): void {
    vhost.destroy();
    this.#vhosts.delete(vhost.name);
    this.define(['vhost', vhost.name], null);
  }

  /**
   * Hands out what is ready in the queues that were touched. Called when a chunk of input is done with; `now`
   * is the time its messages were published at, so that none of them expires before its consumer's turn.
   * Returns a queue that has more than its consumers can take, if there is one.
   */
  endTurn(now: number): Queue | undefined {
    const queues = this.#touched;
    if (queues.length === 0) return undefined;
    this.#touched = [];
    for (const queue of queues) queue.isTouched = false;
    let outrun: Queue | undefined;
    for (const queue of queues) {
      if (queue.isDeleted) continue;
      queue.drain(now);
      if (queue.outrunsConsumers) outrun = queue;
    }
    return outrun;
  }

  /** The queue has messages to hand out, or an expiry to look at, when the turn ends. */
  touch(queue: Queue): void {
    if (queue.isTouched) return;
    queue.isTouched = true;
    queue.readyBefore = queue.readyCount;
    this.#touched.push(queue);
    if (this.#isTurnEndScheduled) return;
    this.#isTurnEndScheduled = true;
    setImmediate(() => {
      this.#isTurnEndScheduled = false;
      this.endTurn(this.clock.now());
    });
  }

  define(key: readonly string[], value: JsonValue): void {
    this.committer.define(key, value);
  }

  createLog(type: QueueType, durable: boolean): MessageLog {
    return new MessageLog(this, { id: this.#nextLogId++, durable, type });
  }

  recoverLog(type: QueueType, logId: number): MessageLog {
    const recovered = this.#recovered.get(logId);
    if (recovered === undefined) return new MessageLog(this, { id: logId, durable: true, type });
    return MessageLog.recover(this, recovered, type, this.#doubtful?.below(recovered));
  }

  dropLog(log: MessageLog): void {
    log.drop();
    this.committer.logDropped(log.id);
  }

  moved(): void {
    this.committer.moved();
  }

  logUnwritten(log: MessageLog): void {
    this.committer.logUnwritten(log);
  }

  logUsed(log: MessageLog): void {
    this.committer.logUsed(log);
  }

  reportMissing(log: MessageLog, count: number): void {
    this.#events.messagesMissing(log.id, count);
  }

  /** Writes everything down and lets go of the store. Connections must be gone by now. */
  async close(): Promise<void> {
    for (const vhost of this.#vhosts.values()) vhost.stop();
    await this.committer.close();
    await this.store.close();
  }
}
