import amqplib, { type ChannelModel, type ConfirmChannel } from 'amqplib';

const queue = 'bystander';

/**
 * A publisher and a consumer who behave, while somebody else does not: one confirmed message after the other goes
 * from one to the other, and it is measured how long each takes.
 */
export class Bystander {
  rounds = 0;
  slowestMs = 0;
  readonly #connections: readonly ChannelModel[];
  readonly #publisher: ConfirmChannel;
  #received: (body: string) => void = () => {};
  #waiting: { rounds: number; resolve: () => void }[] = [];
  #isOver = false;
  #work: Promise<void> = Promise.resolve();

  private constructor(connections: readonly ChannelModel[], publisher: ConfirmChannel) {
    this.#connections = connections;
    this.#publisher = publisher;
  }

  static async start(url: string): Promise<Bystander> {
    const connections = [await amqplib.connect(url), await amqplib.connect(url)] as const;
    const bystander = new Bystander(connections, await connections[0].createConfirmChannel());
    const consumer = await connections[1].createChannel();
    await consumer.assertQueue(queue);
    await consumer.consume(queue, (message) => {
      if (message === null) return;
      consumer.ack(message);
      bystander.#received(message.content.toString());
    });
    bystander.#work = bystander.#run();
    return bystander;
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      const startedAt = performance.now();
      await this.#roundTrip(`${this.rounds}`);
      this.slowestMs = Math.max(this.slowestMs, performance.now() - startedAt);
      this.rounds++;
      this.#waiting = this.#waiting.filter(({ rounds, resolve }) => {
        if (rounds > this.rounds) return true;
        resolve();
        return false;
      });
    }
  }

  /** Resolves when a message has been confirmed and received. */
  async #roundTrip(body: string): Promise<void> {
    const received = new Promise<void>((resolve, reject) => {
      this.#received = (other) =>
        other === body ? resolve() : reject(new Error(`${other} came, not ${body}`));
    });
    const confirmed = new Promise<void>((resolve, reject) => {
      this.#publisher.sendToQueue(queue, Buffer.from(body), { persistent: true }, (error) =>
        error === null ? resolve() : reject(error),
      );
    });
    await Promise.all([received, confirmed]);
  }

  /** Resolves when so many more messages have gone through. */
  more(rounds: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ rounds: this.rounds + rounds, resolve });
    });
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#work;
    for (const connection of this.#connections) await connection.close();
  }
}
