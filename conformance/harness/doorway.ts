/** A TCP proxy in front of a broker that can be shut and opened again: to its clients, a broker that restarts. */

import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

export class Doorway {
  private readonly target: URL;
  private readonly sockets = new Set<Socket>();
  private server: Server;
  private port = 0;

  private constructor(target: URL) {
    this.target = target;
    this.server = this.newServer();
  }

  /** An open doorway to the broker at `url`. */
  static async to(url: string): Promise<Doorway> {
    const doorway = new Doorway(new URL(url));
    await doorway.open();
    return doorway;
  }

  /** The broker's URL through this doorway. */
  get url(): string {
    const { username, password } = this.target;
    return `amqp://${username}:${password}@127.0.0.1:${this.port}`;
  }

  /** Listens, on the same port as before. */
  async open(): Promise<void> {
    this.server = this.newServer();
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('no TCP port to be had');
    this.port = address.port;
  }

  /** Drops every connection and refuses new ones. */
  async shut(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  private newServer(): Server {
    return createServer((client) => {
      const broker = connect(Number(this.target.port || 5672), this.target.hostname);
      client.pipe(broker).pipe(client);
      for (const [socket, other] of [
        [client, broker],
        [broker, client],
      ] as const) {
        this.sockets.add(socket);
        // Either side may be cut at any time; the other one goes with it.
        socket.on('error', () => other.destroy());
        socket.on('close', () => {
          this.sockets.delete(socket);
          other.destroy();
        });
      }
    });
  }
}
