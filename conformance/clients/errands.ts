/**
 * What users do with a broker, as one list of errands that a program in every language runs with the client its
 * users have. Each prints one line of JSON; this is what it must say.
 */

/** The report of a program that was given `prefix` for its names. */
export function expectedReport(prefix: string): Readonly<Record<string, unknown>> {
  return {
    // Five persistent messages to a durable queue, confirmed; a worker with prefetch 2 that acknowledges late.
    confirmed: true,
    prefetch: 2,
    work: ['0', '1', '2', '3', '4'],
    // Taken without an acknowledgement by a channel that closes.
    redelivered: ['again', true],
    topic: ['kern.info', 'cron.critical'],
    headers: 'match',
    returned: '312 NO_ROUTE lost',
    rpc: 'call: 49',
    // Content type, type, priority, headers and size of a message of many frames.
    properties: [
      'text/plain',
      'kind',
      3,
      { text: 'ü', number: 7, flag: true, nested: { list: [1, 'two'] } },
      300_000,
    ],
    deadLetter: ['dead', 'rejected', 1],
    // What is in the queue after a rollback and after a commit.
    transaction: [null, 'in doubt'],
    // A consumer whose queue is deleted is told.
    cancelled: true,
    autoDeleted: `404 NOT_FOUND - no queue '${prefix}-auto' in vhost '/'`,
    inequivalent: `406 PRECONDITION_FAILED - inequivalent arg 'durable' for queue '${prefix}-work' in vhost '/': received 'false' but current is 'true'`,
    missing: `404 NOT_FOUND - no queue '${prefix}-nope' in vhost '/'`,
    locked: `405 RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '${prefix}-mine' in vhost '/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.`,
    // After 2.5 idle seconds with heartbeats every second.
    deleted: 0,
  };
}
