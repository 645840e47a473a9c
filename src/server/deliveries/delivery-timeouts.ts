import type { Clock, Timer } from '../../broker/clock.ts';
import { Roster, type Seated } from '../roster.ts';

/** Holds deliveries that somebody may keep for too long. */
export interface DeliveryHolder extends Seated<DeliveryHolder> {
  /** Looks for deliveries that were not settled in time; `now` is in milliseconds since the epoch. */
  checkDeliveries(now: number): void;
}

/** What was taken back from a consumer that did not settle it in time. */
export interface LateDeliveries {
  readonly consumerTag: string;
  readonly queue: string;
  readonly count: number;
  readonly timeoutMs: number;
}

/** Checks come four times in the shortest timeout that anybody asked for, within these limits. */
const checksPerTimeout = 4;
const checkMsMin = 50;
const checkMsMax = 60_000;

/**
 * How long deliveries may stay unsettled (RabbitMQ page "Consumers", "Delivery Acknowledgement Timeout"),
 * watched for all channels by one timer.
 */
export class DeliveryTimeouts {
  /** For queues and consumers that do not say otherwise; `Infinity`: no limit. */
  readonly defaultMs: number;
  /** Nobody has asked for less. */
  shortestMs: number;

  readonly #clock: Clock;
  readonly #holders = new Roster<DeliveryHolder>();
  #timer: Timer | undefined;

  constructor(clock: Clock, defaultMs: number) {
    this.#clock = clock;
    this.defaultMs = defaultMs;
    this.shortestMs = defaultMs;
  }

  watch(holder: DeliveryHolder): void {
    this.#holders.add(holder);
    if (this.#timer === undefined) this.#arm();
  }

  unwatch(holder: DeliveryHolder): void {
    this.#holders.delete(holder);
    if (this.#holders.size === 0) this.#disarm();
  }

  /** Some queue or consumer has a timeout of its own: checks have to come often enough for it. */
  expect(timeoutMs: number | undefined): void {
    if (timeoutMs === undefined || timeoutMs >= this.shortestMs) return;
    this.shortestMs = timeoutMs;
    if (this.#timer === undefined) return;
    this.#disarm();
    this.#arm();
  }

  #arm(): void {
    const checkMs = Math.min(checkMsMax, Math.max(checkMsMin, this.shortestMs / checksPerTimeout));
    this.#timer = this.#clock.setTimer(checkMs, () => {
      // First: whoever comes, goes or asks for less because of a check finds a timer, and there is never a second one.
      this.#arm();
      const now = this.#clock.now();
      for (const holder of this.#holders) holder.checkDeliveries(now);
    });
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
