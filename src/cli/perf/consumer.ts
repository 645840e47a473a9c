import { FieldTable } from '../../protocol/field-table.ts';
import { MethodId } from '../../protocol/methods.ts';
import type { Arrivals } from './arrivals.ts';
import { Client, type ClientEvents } from './client.ts';
import { nowUs, stampBytes, stampProducer, stampRun, stampSequence, stampTimeUs } from './message.ts';
import type { Meters } from './meters.ts';
import type { PerfOptions } from './options.ts';

/** One connection that consumes one queue. */
export class Consumer implements ClientEvents {
  readonly #options: PerfOptions;
  readonly #queue: string;
  readonly #run: number;
  /** By producer. */
  readonly #arrivals: readonly Arrivals[];
  readonly #meters: Meters;
  /** By producer: one above the highest sequence number seen on this connection. */
  readonly #nextSequence: Float64Array;
  #client: Client | undefined;
  #consumed = 0;
  #deliveryTag = 0;
  #redelivered = false;
  #bodyBytesLeft = 0;
  readonly #stamp = Buffer.alloc(stampBytes);
  #stampLength = 0;
  #unacknowledged = 0;

  constructor(
    options: PerfOptions,
    queue: string,
    run: number,
    arrivals: readonly Arrivals[],
    meters: Meters,
  ) {
    this.#options = options;
    this.#queue = queue;
    this.#run = run;
    this.#arrivals = arrivals;
    this.#meters = meters;
    this.#nextSequence = new Float64Array(arrivals.length);
  }

  async open(): Promise<Client> {
    const { prefetch, autoAck, uri } = this.#options;
    const client = await Client.open(uri, this);
    this.#client = client;
    await client.call(
      { id: MethodId.BasicQos, prefetchSize: 0, prefetchCount: prefetch, global: false },
      MethodId.BasicQosOk,
    );
    await client.call(
      {
        id: MethodId.BasicConsume,
        queue: this.#queue,
        consumerTag: '',
        noLocal: false,
        noAck: autoAck,
        exclusive: false,
        noWait: false,
        arguments: FieldTable.empty,
      },
      MethodId.BasicConsumeOk,
    );
    return client;
  }

  /** Deliveries so far. */
  get consumed(): number {
    return this.#consumed;
  }

  /** Acknowledges what is left over from the last full batch. */
  acknowledgeRest(): void {
    if (this.#unacknowledged > 0) this.#acknowledge();
  }

  method(id: number, buffer: Buffer, start: number): void {
    if (id !== MethodId.BasicDeliver) return;
    const tagAt = start + 1 + (buffer[start] ?? 0);
    this.#deliveryTag = buffer.readUIntBE(tagAt + 2, 6);
    this.#redelivered = buffer[tagAt + 8] === 1;
  }

  header(buffer: Buffer, start: number): void {
    this.#bodyBytesLeft = buffer.readUIntBE(start + 6, 6);
    this.#stampLength = 0;
    if (this.#bodyBytesLeft === 0) this.#delivered();
  }

  body(buffer: Buffer, start: number, end: number): void {
    if (this.#stampLength < stampBytes) {
      const taken = Math.min(stampBytes - this.#stampLength, end - start);
      buffer.copy(this.#stamp, this.#stampLength, start, start + taken);
      this.#stampLength += taken;
    }
    this.#bodyBytesLeft -= end - start;
    if (this.#bodyBytesLeft <= 0) this.#delivered();
  }

  chunkEnd(): void {
    this.#meters.lastConsumedMs = performance.now();
    if (this.#unacknowledged >= this.#options.multiAckEvery) this.#acknowledge();
  }

  #delivered(): void {
    this.#consumed++;
    this.#meters.consumed++;
    if (this.#redelivered) this.#meters.redelivered++;
    this.#check();
    if (this.#options.autoAck) return;
    this.#unacknowledged++;
    // Each delivery on its own means one basic.ack for each; more may wait for the end of the chunk.
    if (this.#options.multiAckEvery === 1 || this.#isPrefetchUsedUp()) this.#acknowledge();
  }

  #isPrefetchUsedUp(): boolean {
    const { prefetch } = this.#options;
    return prefetch > 0 && this.#unacknowledged >= prefetch;
  }

  #check(): void {
    const stamp = this.#stamp;
    const producer = stampProducer(stamp, 0);
    const arrivals = this.#arrivals[producer];
    if (this.#stampLength < stampBytes || stampRun(stamp, 0) !== this.#run || arrivals === undefined) {
      this.#meters.foreign++;
      return;
    }
    this.#meters.endToEnd.record(nowUs() - stampTimeUs(stamp, 0));
    const sequence = stampSequence(stamp, 0);
    arrivals.add(sequence);
    const next = this.#nextSequence[producer] ?? 0;
    if (sequence >= next) this.#nextSequence[producer] = sequence + 1;
    else if (!this.#redelivered) this.#meters.reordered++;
  }

  #acknowledge(): void {
    this.#client?.send({
      id: MethodId.BasicAck,
      deliveryTag: this.#deliveryTag,
      multiple: this.#unacknowledged > 1,
    });
    this.#unacknowledged = 0;
  }
}
