/**
 * What a queue says to a publish. The values are bits: what several queues say to one message is put
 * together with `|`.
 */
export const PublishOutcome = {
  /** The queue has the message, or was allowed to drop it. */
  Accepted: 0,
  /** The message is kept only once the next commit is done. */
  NeedsCommit: 1,
  /** The queue is full and x-overflow says that publishers are to know. */
  Refused: 2,
} as const;
