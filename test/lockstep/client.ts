/**
 * A client of one of the two brokers. It takes a step, waits until the broker has nothing more to do, and says
 * everything that can be seen of what happened in a form that does not depend on chance: deliveries of different
 * consumers in one channel may overtake each other, those of one consumer may not.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import {
  ClosedByServer,
  type Command,
  type RawChannel,
  RawConnection,
} from '../../conformance/raw-client.ts';
import { Typed } from '../../conformance/raw-codec.ts';
import { CHANNELS, EXCHANGES, QUEUES, type SettleStep, type Step } from './step.ts';

/** A dead letter goes from queue to queue; each of these rounds sees it one queue further. */
const ROUNDS = QUEUES.length;

const CAPABILITIES = {
  publisher_confirms: true,
  'basic.nack': true,
  consumer_cancel_notify: true,
  authentication_failure_close: true,
};

/** What was seen of one step, to be compared with what was seen elsewhere. */
export interface Observation {
  /** The answer, or how the broker refused. */
  readonly reply: unknown;
  /** Per channel: what came besides, deliveries sorted by consumer. */
  readonly arrivals: readonly (readonly unknown[])[];
  /** Ready messages and consumers of each queue, or why there is none. */
  readonly queues: readonly unknown[];
  readonly exchanges: readonly unknown[];
}

/** What a channel knows about itself. */
class ChannelState {
  readonly raw: RawChannel;
  /** Delivery tags that still need an answer, in an order both brokers agree on. */
  outstanding: number[] = [];
  /** What was answered in the running transaction: a rollback undoes it. */
  settledInTransaction: number[] = [];
  mode: 'plain' | 'confirm' | 'transaction' = 'plain';
  readonly automatic = new Set<string>();

  constructor(raw: RawChannel) {
    this.raw = raw;
  }
}

/** A value as JSON can show it, with its type octet where it has one; the time of a death is hidden. */
function shown(value: unknown): unknown {
  if (value instanceof Typed) return [value.tag, value.tag === 'T' ? 'time' : shown(value.value)];
  if (Buffer.isBuffer(value)) return value.toString('hex');
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(shown);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, shown(each)]));
}

function describe(command: Command): unknown {
  const { 'delivery-tag': _tag, ...fields } = command.fields;
  const carriesContent = ['basic.deliver', 'basic.get-ok', 'basic.return'].includes(command.name);
  const content = carriesContent ? { properties: shown(command.properties), body: command.text } : {};
  return { name: command.name, ...fields, ...content };
}

function describeClose({ scope, code, text, method }: ClosedByServer): unknown {
  return { closed: scope, code, text, method };
}

/** A method on a closed channel would be an error of its own. @throws ClosedByServer when the broker closed it */
function ensureOpen({ connection, arrived }: RawChannel): void {
  const close =
    connection.arrived(0).find(({ name }) => name === 'connection.close') ??
    arrived.find(({ name }) => name === 'channel.close');
  if (close) throw new ClosedByServer(connection, close);
}

/** False when it cannot be deleted yet: its connection is gone, but not for the broker. */
async function deleteQueue(connection: RawConnection, queue: string): Promise<boolean> {
  try {
    await (await connection.channel()).call('queue.delete', { queue });
    return true;
  } catch (error) {
    if (error instanceof ClosedByServer && error.code === 405) return false;
    throw error;
  }
}

/** Deletes what an earlier run left behind, exclusive queues too, which go a moment after their connection. */
async function sweep(url: string): Promise<void> {
  const connection = await RawConnection.open(url);
  for (const queue of QUEUES) {
    while (!(await deleteQueue(connection, queue))) await sleep(5);
  }
  const channel = await connection.channel();
  for (const exchange of EXCHANGES) await channel.call('exchange.delete', { exchange });
  await connection.close();
}

export class LockstepClient {
  private readonly url: string;
  private connection: RawConnection;
  private channels: ChannelState[] = [];
  private queueProbes: RawChannel[] = [];
  private exchangeProbes: RawChannel[] = [];

  private constructor(url: string, connection: RawConnection) {
    this.url = url;
    this.connection = connection;
  }

  /** A client of a broker that has none of the names the steps use. */
  static async open(url: string): Promise<LockstepClient> {
    await sweep(url);
    const client = new LockstepClient(url, await RawConnection.open(url, { capabilities: CAPABILITIES }));
    await client.openChannels();
    return client;
  }

  /** Also after a failure, when the connection may be in any state. */
  async close(): Promise<void> {
    this.connection.destroy();
    await this.connection.ended;
  }

  /** The positions, in the common order, of what this step would settle if it went by delivery tag. */
  covered({ channel, pick }: SettleStep): string {
    const { outstanding } = this.state(channel);
    const tag = outstanding[pick % Math.max(outstanding.length, 1)] ?? 0;
    return outstanding.map((each, index) => (each <= tag ? index : '')).join();
  }

  async take(step: Step): Promise<Observation> {
    let reply: unknown;
    try {
      reply = await this.perform(step);
    } catch (error) {
      if (!(error instanceof ClosedByServer)) throw error;
      reply = describeClose(error);
      await this.recover(error, step.channel);
    }
    const queues = await this.rest();
    const arrivals: unknown[][] = [];
    for (const index of CHANNELS) arrivals.push(await this.arrivals(index));
    const exchanges = await Promise.all(EXCHANGES.map((_, index) => this.probeExchange(index)));
    return { reply, arrivals, queues, exchanges };
  }

  private async perform(step: Step): Promise<unknown> {
    const state = this.state(step.channel);
    ensureOpen(state.raw);
    switch (step.type) {
      case 'reopen':
        await state.raw.close();
        this.channels[step.channel] = new ChannelState(await this.connection.channel(state.raw.id));
        return 'reopened';
      case 'publish':
        state.raw.publish(step.message);
        if (state.mode !== 'confirm') return undefined;
        return (await state.raw.next('basic.ack', 'basic.nack')).name;
      case 'settle':
        this.settle(step, state);
        return undefined;
      default: {
        const { method, fields } = step;
        const reply = await state.raw.call(method, fields);
        if (method === 'basic.consume')
          this.noteConsumer(state, fields['consumer-tag'], fields['no-ack'] === true);
        if (method === 'tx.select') state.mode = 'transaction';
        if (method === 'confirm.select') state.mode = 'confirm';
        if (method === 'basic.recover') state.outstanding = [];
        if (method === 'tx.commit') state.settledInTransaction = [];
        if (method === 'tx.rollback') {
          state.outstanding = [...state.outstanding, ...state.settledInTransaction].sort((a, b) => a - b);
          state.settledInTransaction = [];
        }
        if (reply.name === 'basic.get-ok' && fields['no-ack'] !== true)
          state.outstanding.push(reply.deliveryTag);
        return describe(reply);
      }
    }
  }

  private noteConsumer(state: ChannelState, tag: unknown, automatic: boolean): void {
    if (automatic) state.automatic.add(String(tag));
    else state.automatic.delete(String(tag));
  }

  private settle({ how, pick, multiple, requeue }: SettleStep, state: ChannelState): void {
    const { outstanding } = state;
    const tag = outstanding[pick % Math.max(outstanding.length, 1)] ?? 999;
    const options =
      how === 'basic.ack' ? { multiple } : how === 'basic.nack' ? { multiple, requeue } : { requeue };
    state.raw.send(how, { 'delivery-tag': tag, ...options });
    const goes = (each: number): boolean =>
      each === tag || (multiple && how !== 'basic.reject' && each < tag);
    if (state.mode === 'transaction') state.settledInTransaction.push(...outstanding.filter(goes));
    state.outstanding = outstanding.filter((each) => !goes(each));
  }

  /** What every queue looks like once nothing moves any more. */
  private async rest(): Promise<unknown[]> {
    let queues: unknown[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      await this.barriers();
      queues = await Promise.all(QUEUES.map((_, index) => this.probeQueue(index)));
    }
    await this.barriers();
    return queues;
  }

  private async barriers(): Promise<void> {
    const closes = await Promise.all(CHANNELS.map((index) => this.barrier(index)));
    for (const [index, close] of closes.entries()) {
      if (close === undefined) continue;
      this.refusals[index]?.push(describeClose(close));
      // One connection error closes all channels, and opening them again once is enough.
      if (close.connection === this.connection) await this.recover(close, index);
    }
  }

  private readonly refusals: unknown[][] = CHANNELS.map(() => []);

  /** Returns when the channel has handled all it was sent, or how it was closed over it. */
  private async barrier(index: number): Promise<ClosedByServer | undefined> {
    try {
      const { raw } = this.state(index);
      ensureOpen(raw);
      await raw.call('channel.flow', { active: true });
      return undefined;
    } catch (error) {
      if (error instanceof ClosedByServer) return error;
      throw error;
    }
  }

  private async arrivals(index: number): Promise<unknown[]> {
    const state = this.state(index);
    const events: unknown[] = this.refusals[index]?.splice(0) ?? [];
    const deliveries: Command[] = [];
    for (let left = state.raw.arrived.length; left > 0; left--) {
      const command = await state.raw.next();
      if (command.name === 'basic.deliver') deliveries.push(command);
      else events.push(describe(command));
    }
    // Stable: what one consumer got stays in order.
    deliveries.sort((a, b) => a.string('consumer-tag').localeCompare(b.string('consumer-tag')));
    for (const delivery of deliveries) {
      if (!state.automatic.has(delivery.string('consumer-tag'))) state.outstanding.push(delivery.deliveryTag);
      events.push(describe(delivery));
    }
    return events;
  }

  private async probeQueue(index: number): Promise<unknown> {
    const probe = this.queueProbes[index];
    if (probe === undefined) throw new Error('no probe');
    try {
      const { fields } = await probe.call('queue.declare', { queue: QUEUES[index] ?? '', passive: true });
      return [fields['message-count'], fields['consumer-count']];
    } catch (error) {
      if (!(error instanceof ClosedByServer)) throw error;
      this.queueProbes[index] = await this.connection.channel(probe.id);
      // Exclusive to a connection that is on its way out.
      return error.code === 405 ? this.probeQueue(index) : error.text;
    }
  }

  private async probeExchange(index: number): Promise<unknown> {
    const probe = this.exchangeProbes[index];
    if (probe === undefined) throw new Error('no probe');
    try {
      await probe.call('exchange.declare', {
        exchange: EXCHANGES[index] ?? '',
        type: 'direct',
        passive: true,
      });
      return 'there';
    } catch (error) {
      if (!(error instanceof ClosedByServer)) throw error;
      this.exchangeProbes[index] = await this.connection.channel(probe.id);
      return error.text;
    }
  }

  /** Opens again what the broker closed. */
  private async recover(close: ClosedByServer, index: number): Promise<void> {
    if (close.scope === 'connection') {
      this.connection.destroy();
      this.connection = await RawConnection.open(this.url, { capabilities: CAPABILITIES });
      await this.openChannels();
    } else {
      this.channels[index] = new ChannelState(await this.connection.channel(this.state(index).raw.id));
    }
  }

  private async openChannels(): Promise<void> {
    this.channels = [];
    this.queueProbes = [];
    this.exchangeProbes = [];
    for (const _ of CHANNELS) this.channels.push(new ChannelState(await this.connection.channel()));
    for (const _ of QUEUES) this.queueProbes.push(await this.connection.channel());
    for (const _ of EXCHANGES) this.exchangeProbes.push(await this.connection.channel());
  }

  private state(index: number): ChannelState {
    const state = this.channels[index];
    if (state === undefined) throw new RangeError(`no channel ${index}`);
    return state;
  }
}
