import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { ByteWriter } from '../../protocol/byte-writer.ts';
import { FieldTable } from '../../protocol/field-table.ts';
import { bool, longString, table } from '../../protocol/field-value.ts';
import { type FrameHandler, FrameReader, FrameType, protocolHeader } from '../../protocol/frame-reader.ts';
import {
  type ClientMethod,
  decodeMethod,
  encodeMethod,
  type Method,
  MethodId,
} from '../../protocol/methods.ts';
import { version } from '../../version.ts';
import { CommandError, ExitCode } from '../exit-code.ts';
import { frame } from './message.ts';
import type { BrokerUri } from './uri.ts';

/** The one channel of every connection. */
export const channel = 1;

const connectTimeoutMs = 10_000;
const frameMaxWanted = 131_072;

/** What comes without having been asked for. */
export interface ClientEvents {
  /** A method other than a reply; its arguments are buffer[start,end). */
  method(id: number, buffer: Buffer, start: number, end: number): void;
  header(buffer: Buffer, start: number, end: number): void;
  body(buffer: Buffer, start: number, end: number): void;
  /** Everything that came in one piece has been handed out. */
  chunkEnd(): void;
}

/** A reply by its method id: `Reply<typeof MethodId.QueueDeclareOk>`. */
type Reply<Id extends MethodId> = Extract<Method, { id: Id }>;

/** Ids of the methods that answer a {@link Client.call}. */
const replies: ReadonlySet<number> = new Set([
  MethodId.ChannelOpenOk,
  MethodId.ChannelCloseOk,
  MethodId.ConnectionCloseOk,
  MethodId.ExchangeDeclareOk,
  MethodId.QueueDeclareOk,
  MethodId.QueueBindOk,
  MethodId.QueueDeleteOk,
  MethodId.BasicQosOk,
  MethodId.BasicConsumeOk,
  MethodId.BasicCancelOk,
  MethodId.ConfirmSelectOk,
]);

/** An AMQP connection with one channel, made to cost little: contents are handed on as they arrive. */
export class Client implements FrameHandler {
  readonly socket: Socket;
  /** Agreed frame size, frame and all, in bytes. */
  frameMaxBytes = frameMaxWanted;
  /** Rejects when the connection or the channel is lost before {@link close}. */
  readonly lost: Promise<never>;

  readonly #uri: BrokerUri;
  readonly #events: ClientEvents;
  readonly #reader: FrameReader;
  readonly #writer = new ByteWriter();
  readonly #lose: (error: Error) => void;
  /** The one reply that is waited for. */
  #waiting: ((method: Method) => void) | undefined;
  #closing = false;

  private constructor(uri: BrokerUri, events: ClientEvents) {
    this.#uri = uri;
    this.#events = events;
    this.#reader = new FrameReader(this);
    const { promise, reject } = rejectable();
    this.lost = promise;
    this.#lose = reject;
    const address = { host: uri.host, port: uri.port };
    this.socket = uri.tls ? connectTls({ ...address, servername: uri.host }) : connectTcp(address);
    this.socket.setNoDelay(true);
    this.socket.setTimeout(connectTimeoutMs, () => this.#fail('no answer'));
    this.socket.once(uri.tls ? 'secureConnect' : 'connect', () => this.socket.write(protocolHeader));
    this.socket.on('data', (chunk: Buffer) => this.#received(chunk));
    this.socket.on('error', (error) => this.#fail(error.message));
    this.socket.on('close', () => this.#fail('connection closed by the broker'));
  }

  /**
   * Connects, logs in and opens the channel.
   *
   * @throws CommandError that says what the broker or the network objected to.
   */
  static async open(uri: BrokerUri, events: ClientEvents): Promise<Client> {
    const client = new Client(uri, events);
    await client.#reply(MethodId.ConnectionOpenOk);
    await client.call({ id: MethodId.ChannelOpen }, MethodId.ChannelOpenOk);
    client.socket.setTimeout(0);
    return client;
  }

  /** Sends a method on the channel. */
  send(method: ClientMethod): void {
    this.#send(channel, method);
  }

  /** Sends a method and waits for its reply; one at a time. */
  call<Id extends MethodId>(method: ClientMethod, expected: Id): Promise<Reply<Id>> {
    this.send(method);
    return this.#reply(expected);
  }

  /** Closes the connection in good order. */
  async close(): Promise<void> {
    this.#closing = true;
    if (this.socket.destroyed) return;
    this.#send(0, {
      id: MethodId.ConnectionClose,
      replyCode: 200,
      replyText: 'Goodbye',
      classId: 0,
      methodId: 0,
    });
    await new Promise<void>((resolve) => {
      this.socket.setTimeout(connectTimeoutMs, () => this.socket.destroy());
      this.socket.once('close', () => resolve());
    });
  }

  method(_channel: number, id: number, buffer: Buffer, start: number, end: number): void {
    if (id === MethodId.BasicDeliver || id === MethodId.BasicAck || id === MethodId.BasicNack) {
      this.#events.method(id, buffer, start, end);
    } else if (replies.has(id)) {
      const method = decodeMethod(id, buffer, start, end);
      if (method.id === MethodId.ConnectionCloseOk) this.socket.destroy();
      else this.#waiting?.(method);
    } else {
      this.#control(decodeMethod(id, buffer, start, end));
    }
  }

  header(_channel: number, buffer: Buffer, start: number, end: number): void {
    this.#events.header(buffer, start, end);
  }

  body(_channel: number, buffer: Buffer, start: number, end: number): void {
    this.#events.body(buffer, start, end);
  }

  /** Heartbeats are turned off in {@link #control}; one that comes all the same is harmless. */
  heartbeat(): void {}

  chunkEnd(): void {
    this.#events.chunkEnd();
  }

  #received(chunk: Buffer): void {
    if (chunk.length >= 4 && chunk.toString('latin1', 0, 4) === 'AMQP') {
      this.#fail('the broker does not speak AMQP 0-9-1');
      return;
    }
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
    }
  }

  #control(method: Method): void {
    switch (method.id) {
      case MethodId.ConnectionStart:
        this.#send(0, this.#startOk());
        break;
      case MethodId.ConnectionTune: {
        const offered = method.frameMax === 0 ? frameMaxWanted : method.frameMax;
        this.frameMaxBytes = Math.min(offered, frameMaxWanted);
        this.#send(0, {
          id: MethodId.ConnectionTuneOk,
          channelMax: method.channelMax,
          frameMax: this.frameMaxBytes,
          heartbeat: 0,
        });
        this.#send(0, { id: MethodId.ConnectionOpen, virtualHost: this.#uri.vhost });
        break;
      }
      case MethodId.ConnectionOpenOk:
        this.#waiting?.(method);
        break;
      case MethodId.ConnectionClose:
        this.#send(0, { id: MethodId.ConnectionCloseOk });
        this.#fail(`${method.replyCode} ${method.replyText}`);
        break;
      case MethodId.ChannelClose:
        this.#fail(`${method.replyCode} ${method.replyText}`);
        break;
      case MethodId.BasicCancel:
        this.#fail('the broker cancelled the consumer');
        break;
      default:
        // connection.blocked and unblocked, channel.flow: the broker slows us down over TCP as well.
        break;
    }
  }

  #startOk(): ClientMethod {
    const { user, password } = this.#uri;
    const capabilities = FieldTable.of(['authentication_failure_close', bool(true)]);
    return {
      id: MethodId.ConnectionStartOk,
      clientProperties: FieldTable.of(
        ['product', longString('leveret perf')],
        ['version', longString(version)],
        ['capabilities', table(capabilities)],
      ),
      mechanism: 'PLAIN',
      response: Buffer.from(`\0${user}\0${password}`),
      locale: 'en_US',
    };
  }

  #send(channelNumber: number, method: ClientMethod): void {
    this.#writer.clear();
    frame(this.#writer, FrameType.Method, channelNumber, () => encodeMethod(this.#writer, method));
    this.socket.write(this.#writer.bytes());
  }

  #reply<Id extends MethodId>(expected: Id): Promise<Reply<Id>> {
    const reply = new Promise<Reply<Id>>((resolve) => {
      this.#waiting = (method) => {
        this.#waiting = undefined;
        if (isMethod(method, expected)) resolve(method);
        else this.#fail('a reply to something else');
      };
    });
    return Promise.race([reply, this.lost]);
  }

  #fail(reason: string): void {
    if (this.#closing) return;
    this.#closing = true;
    const { host, port } = this.#uri;
    this.#lose(new CommandError(`${host}:${port}: ${reason}`, ExitCode.Unavailable));
    this.socket.destroy();
  }
}

function isMethod<Id extends MethodId>(method: Method, id: Id): method is Reply<Id> {
  return method.id === id;
}

/** A promise that may be rejected without anybody listening yet. */
function rejectable(): { promise: Promise<never>; reject: (error: Error) => void } {
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<never>((_resolve, rejectPromise) => {
    reject = rejectPromise;
  });
  promise.catch(() => {});
  return { promise, reject };
}
