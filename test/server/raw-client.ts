import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { ByteWriter } from '../../src/protocol/byte-writer.ts';
import { FieldTable } from '../../src/protocol/field-table.ts';
import { type FrameHandler, FrameReader, protocolHeader } from '../../src/protocol/frame-reader.ts';
import { decodeMethod, encodeMethod, type Method, MethodId, methodName } from '../../src/protocol/methods.ts';
import { tableFrom } from '../../src/protocol/plain-value.ts';

/** What arrived: a method, a heartbeat, or the end of the socket. */
export type Arrival =
  | { readonly kind: 'method'; readonly channel: number; readonly method: Method }
  | { readonly kind: 'heartbeat' }
  | { readonly kind: 'end'; readonly error: string | undefined };

export interface LoginOptions {
  readonly mechanism?: string;
  readonly response?: Buffer;
  readonly properties?: FieldTable;
}

export interface OpenOptions extends LoginOptions {
  readonly channelMax?: number;
  readonly frameMax?: number;
  readonly heartbeat?: number;
  readonly vhost?: string;
}

/** A frame as bytes. */
export function frame(type: number, channel: number, payload: Buffer, end = 0xce): Buffer {
  const prefix = Buffer.alloc(7);
  prefix.writeUInt8(type, 0);
  prefix.writeUInt16BE(channel, 1);
  prefix.writeUInt32BE(payload.length, 3);
  return Buffer.concat([prefix, payload, Buffer.of(end)]);
}

export function methodFrame(channel: number, method: Method): Buffer {
  const writer = new ByteWriter();
  encodeMethod(writer, method);
  return frame(1, channel, writer.bytes());
}

/** An AMQP client that does nothing by itself, so that tests can do everything wrong. */
export class RawClient implements FrameHandler {
  readonly socket: Socket;
  /** Stays known when the socket is gone. */
  readonly localPort: number | undefined;
  readonly #reader = new FrameReader(this);
  readonly #arrivals: Arrival[] = [];
  #waiting: ((arrival: Arrival) => void) | undefined;
  #socketError: string | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    this.localPort = socket.localPort;
    socket.on('data', (chunk) => this.#reader.push(chunk));
    socket.on('error', (error) => {
      this.#socketError = 'code' in error ? String(error.code) : error.message;
    });
    socket.on('close', () => this.#arrived({ kind: 'end', error: this.#socketError }));
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  /** Connected, logged in, tuned and opened. */
  static async open(port: number, options: OpenOptions = {}): Promise<RawClient> {
    const client = await RawClient.connect(port);
    await client.tune(options);
    client.send(0, { id: MethodId.ConnectionOpen, virtualHost: options.vhost ?? '/' });
    await client.expect(MethodId.ConnectionOpenOk);
    return client;
  }

  write(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  send(channel: number, method: Method): void {
    this.write(methodFrame(channel, method));
  }

  /** Protocol header, connection.start, connection.start-ok. */
  async login({ mechanism = 'PLAIN', response, properties }: LoginOptions = {}): Promise<void> {
    this.write(protocolHeader);
    await this.expect(MethodId.ConnectionStart);
    this.send(0, {
      id: MethodId.ConnectionStartOk,
      clientProperties: properties ?? FieldTable.empty,
      mechanism,
      response: response ?? Buffer.from('\0guest\0guest'),
      locale: 'en_US',
    });
  }

  /** Up to and including connection.tune-ok. */
  async tune(options: OpenOptions = {}): Promise<void> {
    await this.login(options);
    await this.expect(MethodId.ConnectionTune);
    this.send(0, {
      id: MethodId.ConnectionTuneOk,
      channelMax: options.channelMax ?? 2047,
      frameMax: options.frameMax ?? 131_072,
      heartbeat: options.heartbeat ?? 0,
    });
  }

  async openChannel(channel: number): Promise<void> {
    this.send(channel, { id: MethodId.ChannelOpen });
    await this.expect(MethodId.ChannelOpenOk, channel);
  }

  next(): Promise<Arrival> {
    const arrival = this.#arrivals.shift();
    if (arrival !== undefined) return Promise.resolve(arrival);
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  /** The next arrival, which has to be this method on this channel. */
  async expect<Id extends MethodId>(id: Id, channel = 0): Promise<Extract<Method, { id: Id }>> {
    const arrival = await this.next();
    if (arrival.kind === 'method' && arrival.channel === channel && isMethod(arrival.method, id)) {
      return arrival.method;
    }
    throw new Error(`expected ${methodName(id)} on channel ${channel}, got ${describe(arrival)}`);
  }

  /** The socket ends next; resolves with the code of the socket's error, if there was one. */
  async expectEnd(): Promise<string | undefined> {
    const arrival = await this.next();
    if (arrival.kind !== 'end') throw new Error(`expected the end, got ${describe(arrival)}`);
    return arrival.error;
  }

  method(channel: number, id: number, buffer: Buffer, start: number, end: number): void {
    this.#arrived({ kind: 'method', channel, method: decodeMethod(id, buffer, start, end) });
  }

  header(): void {}
  body(): void {}
  chunkEnd(): void {}

  heartbeat(): void {
    this.#arrived({ kind: 'heartbeat' });
  }

  #arrived(arrival: Arrival): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#arrivals.push(arrival);
    else waiting(arrival);
  }
}

function isMethod<Id extends MethodId>(method: Method, id: Id): method is Extract<Method, { id: Id }> {
  return method.id === id;
}

function describe(arrival: Arrival): string {
  if (arrival.kind !== 'method') return JSON.stringify(arrival);
  return `${methodName(arrival.method.id)} on channel ${arrival.channel}: ${JSON.stringify(arrival.method)}`;
}

/** Client properties with these capabilities. */
export function capable(...capabilities: readonly string[]): FieldTable {
  return tableFrom({
    capabilities: tableFrom(Object.fromEntries(capabilities.map((name) => [name, true]))),
    connection_name: 'raw test client',
  });
}
