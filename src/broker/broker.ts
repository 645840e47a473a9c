import { Slices } from '../slices.ts';
import { Alarms } from './alarms.ts';
import type { BrokerContext } from './broker-context.ts';
import type { Clock } from './clock.ts';
import { Committer, type CommitterEvents } from './committer.ts';
import { DeadLetterCounts } from './dead-letters/dead-letter-counts.ts';
import { Delays } from './delays/delays.ts';
import { emptyLog, withoutDeparted } from './delays/departed-records.ts';
import { publishEvent } from './events/event-exchanges.ts';
import { EventHub } from './events/event-hub.ts';
import type { CommittedLog, LogContext } from './log/log-context.ts';
import { MessageLog } from './log/message-log.ts';
import { SlabPool } from './log/slab.ts';
import type { MessageSpans } from './log/spans.ts';
import { MessageSizes } from './message-sizes.ts';
import { Churn } from './message-stats.ts';
import { defaultVirtualHost } from './names.ts';
import type { QueueType } from './queue-type.ts';
import { DoubtfulDeliveries } from './queues/doubtful-deliveries.ts';
import { ReplyAddresses } from './routing/reply-addresses.ts';
import type { Definition, JsonValue, RecoveredLog, Store } from './store.ts';
import { OffsetStamp } from './streams/offset-stamp.ts';
import { SegmentCache } from './streams/segment-cache.ts';
import { TurnBudget } from './streams/turn-budget.ts';
import { isOfModel, readVhostMetadata, vhostValue } from './topology/definitions.ts';
import { type TouchedQueue, Turn } from './turn.ts';
import { VirtualHost } from './virtual-host.ts';

/** Messages in memory: above this, backlogs are left to the disk. */
const slabBytesTarget = 64 * 1024 * 1024;

/** Above this, who publishes waits for the disk to catch up: eight times what backlogs are cut down to. */
const slabBytesMax = 8 * slabBytesTarget;

/** Queues of a deleted virtual host that go before anybody looks at the clock. */
const queuesDeletedInARow = 16;

/** What the broker has to say to whoever runs it. */
export interface BrokerEvents extends CommitterEvents {
  /** Messages that should be in the store could not be read. */
  messagesMissing(logId: number, count: number): void;
  /** Reading a queue failed, which `resource` names in words; a consumer is cancelled for that. */
  queueUnreadable(resource: string, cause: unknown): void;
}

/** The model as a whole: virtual hosts over one store. No sockets, no files, no clock of its own. */
export class Broker implements BrokerContext, LogContext {
  readonly clock: Clock;
  readonly store: Store;
  readonly committer: Committer;
  readonly slabs = new SlabPool();
  readonly segmentCache: SegmentCache;
  readonly offsetStamp: OffsetStamp = new OffsetStamp();
  readonly turnBudget: TurnBudget;
  readonly slabBytesTarget = slabBytesTarget;
  readonly alarms = new Alarms();
  readonly events: EventHub;
  readonly replies = new ReplyAddresses();
  readonly delays: Delays;
  readonly churn: Churn = new Churn();
  readonly messageSizes: MessageSizes = new MessageSizes();
  readonly deadLetterCounts: DeadLetterCounts = new DeadLetterCounts();

  readonly #events: BrokerEvents;
  readonly #turn: Turn;
  readonly #vhosts = new Map<string, VirtualHost>();
  #nextLogId = 1;
  #recovered: ReadonlyMap<number, RecoveredLog> = new Map();
  #doubtful: DoubtfulDeliveries | undefined;
  /** Nothing can be read any more. */
  #isClosed = false;
  readonly spans: MessageSpans | undefined;
  /** There are messages of an earlier run. */
  hasBacklog = false;
  /** What the store has kept beside the model: users, permissions, parameters. */
  settings: readonly Definition[] = [];

  private constructor(store: Store, clock: Clock, events: BrokerEvents, spans: MessageSpans | undefined) {
    this.spans = spans;
    this.store = store;
    this.segmentCache = new SegmentCache(store, this.slabs);
    this.clock = clock;
    this.#turn = new Turn(clock);
    this.events = new EventHub(clock);
    this.events.listen((event) => publishEvent(event, this.#vhosts));
    this.#events = events;
    this.committer = new Committer(store, {
      storeFailed: (cause) => events.storeFailed(cause),
      storeFull: (cause) => {
        this.alarms.set('disk', cause !== undefined, 'store');
        events.storeFull(cause);
      },
    });
    this.turnBudget = new TurnBudget(this.committer);
    this.delays = new Delays(this);
  }

  /** Builds the model from what the store has kept; a new store gets a first virtual host. */
  static open(
    store: Store,
    clock: Clock,
    events: BrokerEvents,
    firstVhost = defaultVirtualHost,
    spans?: MessageSpans,
  ): Broker {
    const recovered = store.recover();
    const broker = new Broker(store, clock, events, spans);
    broker.#recovered = recovered.logs;
    broker.hasBacklog = [...recovered.logs.values()].some(({ unreadCount }) => unreadCount > 0);
    const doubtful = new DoubtfulDeliveries(recovered);
    broker.#doubtful = doubtful;
    const claimed = broker.#recoverVirtualHosts(recovered.definitions);
    broker.#noteId(recovered.nextLogId - 1);
    for (const logId of claimed) broker.#noteId(logId);
    for (const lineId of broker.delays.found) broker.#noteId(lineId);
    for (const logId of broker.delays.departures.found.keys()) broker.#noteId(logId);
    broker.delays.discardOrphans();
    for (const logId of recovered.logs.keys()) {
      if (!claimed.has(logId)) broker.committer.logDropped(logId);
    }
    for (const { key, value } of doubtful.changes(claimed)) broker.define(key, value);
    broker.#recovered = new Map();
    broker.#doubtful = undefined;
    broker.settings = recovered.definitions.filter(({ key }) => !isOfModel(key));
    // One that somebody has deleted does not come back.
    if (recovered.definitions.length === 0) broker.createVirtualHost(firstVhost);
    return broker;
  }

  #recoverVirtualHosts(definitions: readonly Definition[]): ReadonlySet<number> {
    const vhostNames = new Set(definitions.filter(({ key }) => key[0] === 'vhost').map(({ key }) => key[1]));
    const ofVhost = new Map<string, Definition[]>();
    for (const definition of definitions) {
      const [kind, name] = definition.key;
      if (name === undefined || !isOfModel(definition.key)) continue;
      if (!vhostNames.has(name)) {
        // The rest of one that was being deleted when the broker ended.
        this.define(definition.key, null);
        continue;
      }
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
      for (const { delayed, sideLogs } of vhost.exchanges()) {
        if (delayed !== undefined) this.#noteId(delayed.id);
        for (const log of sideLogs?.logs ?? []) claimed.add(log.id);
      }
    }
    return claimed;
  }

  #noteId(id: number): void {
    this.#nextLogId = Math.max(this.#nextLogId, id + 1);
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

  /**
   * Whoever is connected to it has to be gone. It is not there any more when this returns; what is in it is deleted
   * bit by bit, and nobody may create a virtual host of this name until the promise has resolved.
   */
  async deleteVirtualHost(vhost: VirtualHost): Promise<void> {
    this.#vhosts.delete(vhost.name);
    this.define(['vhost', vhost.name], null);
    const slices = new Slices(1);
    while (vhost.deleteSome(queuesDeletedInARow)) {
      await slices.next();
      await this.committer.roomForDefinitions();
    }
  }

  /**
   * Hands out what is ready in the queues that were touched. Called when a chunk of input is done with; `now`
   * is the time its messages were published at, so that none of them expires before its consumer's turn.
   * Returns a queue that has more than its consumers can take, if there is one.
   */
  endTurn(now: number): TouchedQueue | undefined {
    return this.#turn.end(now);
  }

  touch(queue: TouchedQueue): void {
    this.#turn.touch(queue);
  }

  define(key: readonly string[], value: JsonValue): void {
    this.committer.define(key, value);
  }

  newId(): number {
    return this.#nextLogId++;
  }

  createLog(type: QueueType, durable: boolean): MessageLog {
    return new MessageLog(this, { id: this.newId(), durable, type });
  }

  recoverLog(type: QueueType, logId: number): MessageLog {
    const departed = this.delays.departures.found.get(logId);
    let recovered = this.#recovered.get(logId);
    if (departed !== undefined) {
      recovered = withoutDeparted(recovered ?? emptyLog(logId), departed, this.store);
    }
    if (recovered === undefined) return new MessageLog(this, { id: logId, durable: true, type });
    const log = MessageLog.recover(this, recovered, type, this.#doubtful?.below(recovered));
    if (departed !== undefined) log.noteUse();
    return log;
  }

  dropLog(log: MessageLog): void {
    log.drop();
    this.committer.logDropped(log.id);
  }

  moved(): void {
    this.committer.moved();
  }

  logUnwritten(log: CommittedLog): void {
    this.committer.logUnwritten(log);
  }

  writingAhead(done: Promise<void>): void {
    this.committer.writingAhead(done);
  }

  logUsed(log: CommittedLog): void {
    this.committer.logUsed(log);
  }

  reportMissing(log: { readonly id: number }, count: number): void {
    // Whoever still waited for a message finds nothing in a store that is closed, which says nothing about what is in it.
    if (!this.#isClosed) this.#events.messagesMissing(log.id, count);
  }

  reportUnreadable(resource: string, cause: unknown): void {
    this.#events.queueUnreadable(resource, cause);
  }

  /** Writes everything down and lets go of the store. Connections must be gone by now. */
  async close(): Promise<void> {
    for (const vhost of this.#vhosts.values()) vhost.stop();
    this.delays.stop();
    await this.committer.close();
    this.#isClosed = true;
    await this.store.close();
  }
}
