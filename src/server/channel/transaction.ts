import { PublishOutcome } from '../../broker/routing/publish-outcome.ts';
import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import { MethodId } from '../../protocol/methods.ts';
import type { ChannelHost, OpenChannel } from '../deliveries/channel-host.ts';
import type { Publisher } from '../publishing/publisher.ts';

/** tx.select, tx.commit and tx.rollback of a channel: its publishes and settlements take effect together. */
export class Transaction {
  readonly #channel: OpenChannel;
  readonly #connection: ChannelHost;
  readonly #publisher: Publisher;
  #isSelected = false;

  constructor(channel: OpenChannel, connection: ChannelHost, publisher: Publisher) {
    this.#channel = channel;
    this.#connection = connection;
    this.#publisher = publisher;
  }

  /** tx.select was called: there is no way back. */
  get isSelected(): boolean {
    return this.#isSelected;
  }

  /** @throws AmqpError 406 on a channel with confirms */
  select(): void {
    if (this.#publisher.isConfirming) {
      throw new AmqpError(ReplyCode.PreconditionFailed, 'cannot switch from confirm to tx mode');
    }
    this.#isSelected = true;
    this.#publisher.selectTransactions();
    this.#channel.deliveries.selectTransactions();
    this.#channel.send({ id: MethodId.TxSelectOk });
  }

  /** Enqueues, then settles; the answer waits for the disk. @throws AmqpError 406 when a queue was full */
  commit(): void {
    this.#expectSelected();
    const { deliveries } = this.#channel;
    const outcome = this.#publisher.commit();
    if (deliveries.hasPending) this.#connection.broker.moved();
    deliveries.commit();
    if ((outcome & PublishOutcome.Refused) !== 0) {
      throw new AmqpError(ReplyCode.PreconditionFailed, 'partial tx completion');
    }
    if (outcome === PublishOutcome.NeedsCommit) this.#answerWhenCommitted();
    else this.#channel.send({ id: MethodId.TxCommitOk });
  }

  /** Nothing more is read from the connection until then. */
  #answerWhenCommitted(): void {
    const channel = this.#channel;
    const connection = this.#connection;
    connection.pauseInput();
    void connection.broker.committer.flush().then(() => {
      if (!channel.isReleased) channel.send({ id: MethodId.TxCommitOk });
      channel.output.flushSoon();
      connection.resumeInput();
    });
  }

  /** Publishes are forgotten; what was settled is outstanding again. @throws AmqpError 406 without tx.select */
  rollback(): void {
    this.#expectSelected();
    this.#publisher.rollback();
    this.#channel.deliveries.rollback();
    this.#channel.send({ id: MethodId.TxRollbackOk });
  }

  #expectSelected(): void {
    if (!this.#isSelected) throw new AmqpError(ReplyCode.PreconditionFailed, 'channel is not transactional');
  }
}
