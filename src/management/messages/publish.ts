import type { Actor } from '../../broker/actor.ts';
import { Message } from '../../broker/message.ts';
import { expirationOf } from '../../broker/queues/expiration.ts';
import { PublishOutcome } from '../../broker/routing/publish-outcome.ts';
import { replyQueueName } from '../../broker/routing/reply-addresses.ts';
import type { VirtualHost } from '../../broker/virtual-host.ts';
import { type BasicProperties, writeProperties } from '../../protocol/basic-properties.ts';
import { ByteWriter } from '../../protocol/byte-writer.ts';
import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import { type Api, act } from '../api.ts';
import { ApiError, badRequest } from '../http/api-error.ts';
import type { Principal } from '../http/principal.ts';

/** What is to be published. */
export interface NewMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly properties: BasicProperties;
  readonly body: Buffer;
}

/** Users with this tag may publish under any user_id. */
const impersonatorTag = 'impersonator';

const routingKeyBytesMax = 255;

/**
 * Publishes a message as if it came with mandatory and in confirm mode. Resolves when it is confirmed: to whether
 * it was routed.
 *
 * @throws ApiError, with RabbitMQ's reasons
 */
export async function publish(
  api: Api,
  principal: Principal,
  vhostName: string,
  message: NewMessage,
): Promise<boolean> {
  const { alarms, committer } = api.broker;
  if (alarms.isInEffect) {
    throw new ApiError(
      503,
      'service_unavailable',
      alarms.reason,
      'Publishers are blocked by a resource alarm.',
    );
  }
  if (Buffer.byteLength(message.routingKey) > routingKeyBytesMax) {
    throw badRequest(`routing_key has more than ${routingKeyBytesMax} bytes`);
  }
  if (message.body.length > api.maxMessageBytes) {
    throw badRequest(
      `message size ${message.body.length} is larger than configured max size ${api.maxMessageBytes}`,
    );
  }
  try {
    const { isRouted, outcome } = await act(api, principal, vhostName, (vhost, actor) =>
      publishNow(api, principal, vhost, actor, message),
    );
    if ((outcome & PublishOutcome.Refused) !== 0) {
      throw badRequest('rejected', 'Unable to publish message. Check queue limits.');
    }
    if (outcome === PublishOutcome.NeedsCommit) await committer.flush();
    return isRouted;
  } catch (error) {
    // The reply text of the channel that RabbitMQ publishes on.
    if (error instanceof AmqpError && error.code !== ReplyCode.AccessRefused) {
      throw badRequest(`${error.code} ${error.replyText}`);
    }
    throw error;
  }
}

interface Published {
  readonly isRouted: boolean;
  readonly outcome: number;
}

function publishNow(
  api: Api,
  { tags }: Principal,
  vhost: VirtualHost,
  actor: Actor,
  { exchange: name, routingKey, properties, body }: NewMessage,
): Published {
  const exchange = vhost.exchangeForPublish(actor, name);
  actor.requireTopic('write', exchange, routingKey);
  if (properties.replyTo === replyQueueName) {
    throw new AmqpError(ReplyCode.PreconditionFailed, 'fast reply consumer does not exist');
  }
  const { userId } = properties;
  if (userId !== undefined && userId !== actor.username && !tags.includes(impersonatorTag)) {
    const text = `user_id property set to '${userId}' but authenticated user was '${actor.username}'`;
    throw new AmqpError(ReplyCode.PreconditionFailed, text);
  }
  const writer = new ByteWriter();
  writeProperties(writer, properties);
  const message = Message.of(name, routingKey, writer.bytes(), body);
  if (properties.expiration !== undefined) message.expirationMs = expirationOf(message);
  const route = vhost.route(exchange, message);
  if (vhost.firehose.isWatching) {
    const origin = {
      node: api.node,
      vhost: vhost.name,
      connection: 'HTTP API',
      channel: 1,
      username: actor.username,
    };
    vhost.firehose.published(message, route.queues, origin);
  }
  const { closedChannels: stats } = vhost;
  stats.publish++;
  api.broker.messageSizes.observe(message.bodySize);
  stats.confirm++;
  exchange.stats.publishIn++;
  exchange.stats.publishOut += route.queues.length;
  if (!route.isRouted) stats.returnUnroutable++;
  return { isRouted: route.isRouted, outcome: route.publish(message, api.broker.clock.now()) };
}
