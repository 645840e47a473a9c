import { Socket } from 'node:net';
import amqplib, { type ChannelModel } from 'amqplib';

/** A broker on a machine with other things to do may take its time. */
const connectMsMax = 60_000;

/** A connection that knows whether it is still there, and can be torn. */
export class Client {
  readonly connection: ChannelModel;
  readonly closed: Promise<void>;
  isClosed = false;

  private constructor(connection: ChannelModel) {
    this.connection = connection;
    connection.on('error', () => {});
    this.closed = new Promise((resolve) => {
      connection.on('close', () => {
        this.isClosed = true;
        resolve();
      });
    });
  }

  static async connect(url: string): Promise<Client> {
    return new Client(await amqplib.connect(`${url}?heartbeat=0`, { timeout: connectMsMax }));
  }

  /** Nobody answers connection.close or channel.close any more once the connection is torn. */
  async close(what: { close(): Promise<void> } = this.connection): Promise<void> {
    if (!this.isClosed) await Promise.race([what.close(), this.closed]);
  }

  /** The end without connection.close. */
  tear(): void {
    this.isClosed = true;
    const inner: object = this.connection.connection;
    if (!('stream' in inner) || !(inner.stream instanceof Socket)) throw new Error('no socket');
    inner.stream.destroy(new Error('connection closed by the test'));
  }

  /** @throws Error when it is closed */
  check(): void {
    if (this.isClosed) throw new Error('connection closed');
  }
}
