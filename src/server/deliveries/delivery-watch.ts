import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import type { Seat } from '../roster.ts';
import type { ChannelHost, OpenChannel } from './channel-host.ts';
import type { Deliveries } from './deliveries.ts';
import { DeliveryAges } from './delivery-ages.ts';
import type { DeliveryHolder } from './delivery-timeouts.ts';
import type { Delivery, ServedConsumer } from './unsettled.ts';

/**
 * Looks after the deliveries of a channel that nobody settles (RabbitMQ page "Consumers", "Delivery
 * Acknowledgement Timeout").
 */
export class DeliveryWatch implements DeliveryHolder {
  seat: Seat<DeliveryHolder> | undefined;
  readonly #channel: OpenChannel;
  readonly #connection: ChannelHost;
  readonly #deliveries: Deliveries;
  readonly #ages = new DeliveryAges();

  constructor(channel: OpenChannel, connection: ChannelHost) {
    this.#channel = channel;
    this.#connection = connection;
    this.#deliveries = channel.deliveries;
    connection.deliveryTimeouts.watch(this);
  }

  stop(): void {
    this.#connection.deliveryTimeouts.unwatch(this);
  }

  checkDeliveries(now: number): void {
    const { oldest, lastTag } = this.#deliveries;
    if (oldest === undefined) {
      this.#ages.clear();
      return;
    }
    this.#ages.note(lastTag, oldest.tag, now);
    const { shortestMs } = this.#connection.deliveryTimeouts;
    const late: Delivery[] = [];
    for (const delivery of this.#deliveries.unsettled()) {
      const ageMs = this.#ages.ageOf(delivery.tag, now);
      if (ageMs < shortestMs) break;
      if (ageMs >= this.#timeoutMsOf(delivery)) late.push(delivery);
    }
    if (late.length > 0) this.#takeBack(late);
  }

  #timeoutMsOf({ consumer, queue }: Delivery): number {
    const { defaultMs } = this.#connection.deliveryTimeouts;
    return consumer?.timeoutMs ?? queue.settings.consumerTimeoutMs ?? defaultMs;
  }

  /**
   * Consumers that kept messages for too long are cancelled and lose these messages, no others; whether they
   * settle them later does not matter. Where there is no consumer to cancel, or the client would not
   * understand, the channel is closed.
   */
  #takeBack(late: readonly Delivery[]): void {
    const { id } = this.#channel;
    const isCancellable = this.#connection.clientCapabilities.consumerCancelNotify;
    for (const delivery of late) {
      if (isCancellable && delivery.consumer !== undefined) continue;
      this.#connection.closeChannelWithError(id, deliveryTimeout(id, this.#timeoutMsOf(delivery)));
      return;
    }
    for (const { consumer } of late) {
      if (consumer !== undefined) this.#channel.cancelConsumer(consumer);
    }
    for (const delivery of late) this.#deliveries.takeBack(delivery);
    this.#report(late);
  }

  #report(late: readonly Delivery[]): void {
    const counts = new Map<ServedConsumer | undefined, number>();
    for (const { consumer } of late) counts.set(consumer, (counts.get(consumer) ?? 0) + 1);
    for (const delivery of late) {
      const { consumer, queue } = delivery;
      const count = counts.get(consumer);
      if (consumer === undefined || count === undefined) continue;
      counts.delete(consumer);
      const timeoutMs = this.#timeoutMsOf(delivery);
      this.#connection.deliveriesLate(this.#channel.id, {
        consumerTag: consumer.tag,
        queue: queue.name,
        count,
        timeoutMs,
      });
    }
  }
}

/** With 3.10's text; it blames no method. */
function deliveryTimeout(channel: number, timeoutMs: number): AmqpError {
  const text =
    `delivery acknowledgement on channel ${channel} timed out. Timeout value used: ${timeoutMs} ms. ` +
    'This timeout value can be configured, see consumers doc guide to learn more';
  return new AmqpError(ReplyCode.PreconditionFailed, text);
}
