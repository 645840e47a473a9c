/**
 * A small AMQP client that does what it is told and nothing more: frames by hand, arbitrary bytes, capabilities
 * and answers of the caller's choice, and every arriving method kept in order for the scenario to look at.
 */

import { connect, type Socket } from 'node:net';
import {
  decodeContentHeader,
  decodeMethod,
  encodeContentHeader,
  encodeFrame,
  encodeMethod,
  encodeTable,
  type Fields,
  FRAME_BODY,
  FRAME_HEADER,
  FRAME_HEARTBEAT,
  FRAME_METHOD,
  type MethodName,
  methodName,
  plain,
  type Table,
} from './raw-codec.ts';

export const PROTOCOL_HEADER = Buffer.from('AMQP\x00\x00\x09\x01', 'latin1');

/** How long a scenario waits for something that should happen, in ms. */
const PATIENCE_MS = 8_000;

/** A method that arrived, with its content if it carries one. */
export class Command {
  readonly channel: number;
  readonly name: MethodName;
  readonly fields: Fields;
  /** The method frame's payload as it came. */
  readonly payload: Buffer;
  properties: Fields = {};
  body: Buffer = Buffer.alloc(0);
  /** The content header frame's payload as it came. */
  headerPayload: Buffer = Buffer.alloc(0);
  /** Payload sizes of the body frames. */
  readonly bodyFrames: number[] = [];

  constructor(channel: number, payload: Buffer) {
    const { name, fields } = decodeMethod(payload);
    this.channel = channel;
    this.name = name;
    this.fields = fields;
    this.payload = payload;
  }

  string(field: string): string {
    const value = this.fields[field];
    if (typeof value !== 'string') throw new TypeError(`${this.name} has no string ${field}`);
    return value;
  }

  number(field: string): number {
    const value = this.fields[field];
    if (typeof value !== 'number') throw new TypeError(`${this.name} has no number ${field}`);
    return value;
  }

  get text(): string {
    return this.body.toString();
  }

  get deliveryTag(): number {
    return this.number('delivery-tag');
  }

  /** The headers property without type tags; undefined when the message has none. */
  get headers(): Table | undefined {
    const headers = plain(this.properties['headers']);
    return typeof headers === 'object' && headers !== null ? { ...headers } : undefined;
  }
}

/** The server closed a channel or the connection with a reply code. */
export class ClosedByServer extends Error {
  readonly scope: 'channel' | 'connection';
  readonly code: number;
  readonly text: string;
  /** The method the server blames: its name, or `class/method` ids when there is none (0/0). */
  readonly method: string;
  readonly connection: RawConnection;

  constructor(connection: RawConnection, close: Command) {
    const classId = close.number('class-id');
    const methodId = close.number('method-id');
    super(`${close.name} ${close.number('reply-code')} ${close.string('reply-text')}`);
    this.scope = close.name === 'connection.close' ? 'connection' : 'channel';
    this.code = close.number('reply-code');
    this.text = close.string('reply-text');
    this.method = methodName(classId, methodId) ?? `${classId}/${methodId}`;
    this.connection = connection;
  }
}

interface Waiter {
  readonly matches: (command: Command) => boolean;
  readonly resolve: (command: Command) => void;
  readonly reject: (reason: Error) => void;
}

/** What has arrived on one channel and was not asked for yet, and who waits for what. */
class Mailbox {
  readonly arrived: Command[] = [];
  private readonly waiters = new Set<Waiter>();
  private failure: Error | undefined;

  put(command: Command): void {
    for (const waiter of this.waiters) {
      if (waiter.matches(command)) {
        waiter.resolve(command);
        return;
      }
    }
    this.arrived.push(command);
  }

  /** Nothing more will come: whoever still waits is told why. */
  fail(reason: Error): void {
    this.failure ??= reason;
    this.interrupt(reason);
  }

  /** Tells those who wait now; later ones may still get something. */
  interrupt(reason: Error): void {
    for (const waiter of this.waiters) waiter.reject(reason);
  }

  revive(): void {
    this.failure = undefined;
    this.arrived.length = 0;
  }

  take(matches: (command: Command) => boolean, what: string): Promise<Command> {
    const index = this.arrived.findIndex(matches);
    const [found] = index < 0 ? [] : this.arrived.splice(index, 1);
    if (found) return Promise.resolve(found);
    if (this.failure) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.waiters.delete(waiter);
      };
      const waiter: Waiter = {
        matches,
        resolve: (command) => {
          settle();
          resolve(command);
        },
        reject: (reason) => {
          settle();
          reject(reason);
        },
      };
      const late = new Error(`${what} did not arrive within ${PATIENCE_MS} ms`);
      const timer = setTimeout(() => waiter.reject(late), PATIENCE_MS);
      this.waiters.add(waiter);
    });
  }
}

export interface OpenOptions {
  readonly capabilities?: Table;
  readonly clientProperties?: Table;
  readonly mechanism?: string;
  /** SASL response; PLAIN with the URL's user and password when left out. */
  readonly response?: string | Buffer;
  readonly channelMax?: number;
  readonly frameMax?: number;
  /** Seconds; 0 (the default here) switches heartbeats off. */
  readonly heartbeat?: number;
  readonly virtualHost?: string;
  /** Answer the server's channel.close and connection.close at once (default true). */
  readonly answerClose?: boolean;
}

/** How the TCP connection ended. */
export interface Ending {
  readonly how: 'end' | 'reset';
  /** Since connecting, in ms. */
  readonly afterMs: number;
}

export function plainResponse(user: string, password: string): string {
  return `\0${user}\0${password}`;
}

/** The field table of AMQPLAIN goes without its length. */
export function amqplainResponse(user: string, password: string): Buffer {
  return encodeTable({ LOGIN: user, PASSWORD: password }).subarray(4);
}

export class RawConnection {
  readonly url: URL;
  readonly socket: Socket;
  /** Resolves when the TCP connection is over, however that came. */
  readonly ended: Promise<Ending>;
  /** When heartbeat frames arrived (performance.now(), ms). */
  readonly heartbeats: number[] = [];
  /** The protocol header the server sent instead of frames. */
  protocolHeader: Buffer | undefined;
  /** Bytes received so far. */
  bytesRead = 0;
  answerClose = true;
  frameMax = 131072;

  private readonly mailboxes = new Map<number, Mailbox>();
  private readonly contents = new Map<number, { readonly command: Command; left: number }>();
  private buffer: Buffer = Buffer.alloc(0);
  private lastChannel = 0;

  private constructor(url: URL, socket: Socket) {
    this.url = url;
    this.socket = socket;
    const start = performance.now();
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.receive(chunk));
    this.ended = new Promise((resolve) => {
      let how: Ending['how'] = 'end';
      socket.on('error', () => {
        how = 'reset';
      });
      socket.on('close', () => {
        this.failAll(new Error(`the TCP connection is over (${how})`));
        resolve({ how, afterMs: performance.now() - start });
      });
    });
  }

  /** Connects TCP only. */
  static async connect(url: string): Promise<RawConnection> {
    const target = new URL(url);
    const socket = connect(Number(target.port || 5672), target.hostname);
    const connection = new RawConnection(target, socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return connection;
  }

  /** Connects and goes through the whole handshake. */
  static async open(url: string, options: OpenOptions = {}): Promise<RawConnection> {
    const connection = await RawConnection.connect(url);
    await connection.login(options);
    await connection.tune(options);
    await connection.openVirtualHost(options.virtualHost);
    return connection;
  }

  /** Up to connection.start-ok; returns connection.start. */
  async login(options: OpenOptions = {}): Promise<Command> {
    this.answerClose = options.answerClose ?? true;
    this.write(PROTOCOL_HEADER);
    const start = await this.next('connection.start');
    const { username, password } = this.url;
    this.send(0, 'connection.start-ok', {
      'client-properties': { ...options.clientProperties, capabilities: options.capabilities ?? {} },
      mechanism: options.mechanism ?? 'PLAIN',
      response:
        options.response ??
        plainResponse(decodeURIComponent(username || 'guest'), decodeURIComponent(password || 'guest')),
      locale: 'en_US',
    });
    return start;
  }

  /** Answers connection.tune with the options, or with the server's own values; returns connection.tune. */
  async tune(options: OpenOptions = {}): Promise<Command> {
    const tune = await this.next('connection.tune');
    this.frameMax = options.frameMax ?? tune.number('frame-max');
    this.send(0, 'connection.tune-ok', {
      'channel-max': options.channelMax ?? tune.number('channel-max'),
      'frame-max': this.frameMax,
      heartbeat: options.heartbeat ?? 0,
    });
    return tune;
  }

  openVirtualHost(name = decodeURIComponent(this.url.pathname.slice(1)) || '/'): Promise<Command> {
    return this.call(0, 'connection.open', { 'virtual-host': name });
  }

  write(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  send(channel: number, name: MethodName, fields: Fields = {}): void {
    this.write(encodeFrame(FRAME_METHOD, channel, encodeMethod(name, fields)));
  }

  /** Sends a synchronous method and waits for its -ok (or get-empty). @throws ClosedByServer */
  call(channel: number, name: MethodName, fields: Fields = {}): Promise<Command> {
    this.send(channel, name, fields);
    const replies = name === 'basic.get' ? ['basic.get-ok', 'basic.get-empty'] : [`${name}-ok`];
    return this.next(channel, ...replies);
  }

  /** The next method on a channel (0 when left out) with one of the names, or of any name. @throws ClosedByServer */
  next(channel: number | string, ...names: string[]): Promise<Command> {
    const wanted = typeof channel === 'string' ? [channel, ...names] : names;
    const matches = (command: Command): boolean => wanted.length === 0 || wanted.includes(command.name);
    const where = typeof channel === 'string' ? 0 : channel;
    return this.mailbox(where).take(matches, `${wanted.join(' or ') || 'a method'} on channel ${where}`);
  }

  /** Waits for the server's connection.close. */
  async closedByServer(): Promise<ClosedByServer> {
    return new ClosedByServer(this, await this.next('connection.close'));
  }

  /** Opens a channel: the next free number, or the one given. */
  async channel(id = ++this.lastChannel): Promise<RawChannel> {
    this.lastChannel = Math.max(this.lastChannel, id);
    this.mailbox(id).revive();
    await this.call(id, 'channel.open');
    return new RawChannel(this, id);
  }

  /** connection.close, close-ok, and the end of the TCP connection. */
  async close(): Promise<void> {
    await this.call(0, 'connection.close', { 'reply-code': 200, 'reply-text': 'Goodbye' });
    this.destroy();
    await this.ended;
  }

  /** Drops TCP without a word. */
  destroy(): void {
    this.socket.destroy();
  }

  /** What arrived on a channel and was not taken. */
  arrived(channel: number): readonly Command[] {
    return this.mailbox(channel).arrived;
  }

  private mailbox(channel: number): Mailbox {
    let mailbox = this.mailboxes.get(channel);
    if (!mailbox) {
      mailbox = new Mailbox();
      this.mailboxes.set(channel, mailbox);
    }
    return mailbox;
  }

  private failAll(reason: Error): void {
    for (const mailbox of this.mailboxes.values()) mailbox.fail(reason);
  }

  private receive(chunk: Buffer): void {
    this.bytesRead += chunk.length;
    this.buffer = Buffer.concat([this.buffer, chunk]);
    while (this.buffer.length >= 8) {
      if (this.buffer.toString('latin1', 0, 4) === 'AMQP') {
        this.protocolHeader = this.buffer.subarray(0, 8);
        this.buffer = this.buffer.subarray(8);
        continue;
      }
      const end = 7 + this.buffer.readUInt32BE(3);
      if (this.buffer.length <= end) return;
      this.frame(this.buffer.readUInt8(0), this.buffer.readUInt16BE(1), this.buffer.subarray(7, end));
      this.buffer = this.buffer.subarray(end + 1);
    }
  }

  private frame(type: number, channel: number, payload: Buffer): void {
    if (type === FRAME_HEARTBEAT) {
      this.heartbeats.push(performance.now());
    } else if (type === FRAME_METHOD) {
      const command = new Command(channel, payload);
      const carriesContent = ['basic.deliver', 'basic.get-ok', 'basic.return'].includes(command.name);
      if (carriesContent) this.contents.set(channel, { command, left: -1 });
      else this.command(command);
    } else {
      this.content(type, channel, payload);
    }
  }

  private content(type: number, channel: number, payload: Buffer): void {
    const content = this.contents.get(channel);
    if (!content) throw new Error(`content frame of type ${type} on channel ${channel} without a method`);
    const { command } = content;
    if (type === FRAME_HEADER) {
      const { bodySize, properties } = decodeContentHeader(payload);
      command.headerPayload = payload;
      command.properties = properties;
      content.left = bodySize;
    } else {
      command.body = Buffer.concat([command.body, payload]);
      command.bodyFrames.push(payload.length);
      content.left -= payload.length;
    }
    if (content.left > 0) return;
    this.contents.delete(channel);
    this.command(command);
  }

  private command(command: Command): void {
    const mailbox = this.mailbox(command.channel);
    mailbox.put(command);
    if (command.name !== 'connection.close' && command.name !== 'channel.close') return;
    const close = new ClosedByServer(this, command);
    const affected = close.scope === 'connection' ? [...this.mailboxes.values()] : [mailbox];
    for (const each of affected) {
      if (this.answerClose) each.fail(close);
      else each.interrupt(close);
    }
    if (this.answerClose) this.send(command.channel, `${close.scope}.close-ok`);
  }
}

export interface Publication {
  readonly exchange?: string;
  readonly routingKey?: string | Buffer;
  readonly mandatory?: boolean;
  readonly immediate?: boolean;
  readonly properties?: Fields;
  readonly body?: string | Buffer;
}

export class RawChannel {
  readonly connection: RawConnection;
  readonly id: number;

  constructor(connection: RawConnection, id: number) {
    this.connection = connection;
    this.id = id;
  }

  send(name: MethodName, fields?: Fields): void {
    this.connection.send(this.id, name, fields);
  }

  /** Sends a synchronous method and waits for its reply. @throws ClosedByServer */
  call(name: MethodName, fields?: Fields): Promise<Command> {
    return this.connection.call(this.id, name, fields);
  }

  /** The next method with one of the names, or of any name. @throws ClosedByServer */
  next(...names: MethodName[]): Promise<Command> {
    return this.connection.next(this.id, ...names);
  }

  /** What arrived and was not taken. */
  get arrived(): readonly Command[] {
    return this.connection.arrived(this.id);
  }

  /** Waits for the server's channel.close. */
  async closedByServer(): Promise<ClosedByServer> {
    return new ClosedByServer(this.connection, await this.next('channel.close'));
  }

  publish(message: Publication): void {
    const body = Buffer.from(message.body ?? '');
    const method = encodeMethod('basic.publish', {
      exchange: message.exchange ?? '',
      'routing-key': message.routingKey ?? '',
      mandatory: message.mandatory ?? false,
      immediate: message.immediate ?? false,
    });
    const frames = [
      encodeFrame(FRAME_METHOD, this.id, method),
      encodeFrame(FRAME_HEADER, this.id, encodeContentHeader(body.length, message.properties)),
    ];
    const room = this.connection.frameMax - 8;
    for (let start = 0; start < body.length; start += room) {
      frames.push(encodeFrame(FRAME_BODY, this.id, body.subarray(start, start + room)));
    }
    this.connection.write(Buffer.concat(frames));
  }

  async close(): Promise<void> {
    await this.call('channel.close', { 'reply-code': 200, 'reply-text': 'Goodbye' });
  }
}
