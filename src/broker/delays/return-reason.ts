/** Why a message is back: basic.nack or basic.recover, basic.reject, a delivery timeout, or a channel that is gone. */
export type ReturnReason = 'nacked' | 'rejected' | 'timed-out' | 'abandoned';

/** What RabbitMQ 4.3 delays in quorum queues, by x-delayed-retry-type. */
export const delayedRetryReasons: ReadonlyMap<string, readonly ReturnReason[]> = new Map([
  ['disabled', []],
  ['all', ['nacked', 'rejected', 'timed-out', 'abandoned']],
  ['failed', ['rejected', 'abandoned']],
  ['returned', ['nacked', 'timed-out']],
]);
