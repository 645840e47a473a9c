import type { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AdministrationError } from '../../administration/administration-error.ts';
import { PolicyError } from '../../broker/policies/policy.ts';
import { StoreUnreadableError } from '../../broker/store.ts';
import type { Logger } from '../../logger.ts';
import { AmqpError } from '../../protocol/errors.ts';
import { ApiError, badRequest, fromAdministrationError, fromAmqpError, unreadable } from './api-error.ts';
import { JsonStream } from './json-stream.ts';
import { LineStream } from './line-stream.ts';
import { bodyBytesMax } from './request-limits.ts';
import { Answer } from './route.ts';

const json = 'application/json';

/** RabbitMQ's, as there are clients that send their login to no other. */
const realm = 'Basic realm="RabbitMQ Management"';

/** What a handler has returned: a JSON body with 200, or an {@link Answer}. */
export function answer(reply: FastifyReply, result: unknown): FastifyReply {
  const { status, body, headers } = result instanceof Answer ? result : new Answer(200, result);
  reply.code(status).headers(headers);
  if (body === undefined) return reply.send();
  if (body instanceof LineStream) return sendLines(reply, body.stream);
  return reply.type(json).send(body instanceof JsonStream ? body.stream : JSON.stringify(body));
}

/** Without an end of its own, so to HEAD there is none at all. */
function sendLines(reply: FastifyReply, stream: Readable): FastifyReply {
  reply.type(LineStream.contentType);
  if (reply.request.method !== 'HEAD') return reply.send(stream);
  stream.destroy();
  return reply.send();
}

/** Who is there? Without a body, so that browsers ask for a password. */
export function challenge(reply: FastifyReply): FastifyReply {
  return reply.code(401).header('www-authenticate', realm).send();
}

/** What the API has against the request. */
export function refused(reply: FastifyReply, error: ApiError): FastifyReply {
  if (error.error === 'not_authorized') reply.header('www-authenticate', realm);
  return reply.code(error.status).type(json).send(JSON.stringify(error.body));
}

/** Whatever was thrown: errors of the model are refusals, the rest is ours, for the log. */
export function failed(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  log: Logger,
): FastifyReply {
  if (error instanceof ApiError) return refused(reply, error);
  if (error instanceof AmqpError) return refused(reply, fromAmqpError(error));
  if (error instanceof AdministrationError) return refused(reply, fromAdministrationError(error));
  if (error instanceof StoreUnreadableError) return refused(reply, unreadable(error));
  if (error instanceof PolicyError) return refused(reply, badRequest(`${error.message}\n`));
  const status = statusOf(error);
  if (status === 413) {
    const advice = `A body has at most ${bodyBytesMax} bytes.`;
    return refused(reply, new ApiError(413, 'request_entity_too_large', 'body too large', advice));
  }
  if (status >= 400 && status < 500) {
    const reason = error instanceof Error ? error.message : 'malformed request';
    return refused(reply, new ApiError(status, 'bad_request', reason));
  }
  // Without the query, which may hold what is nobody's business.
  const url = request.url.split('?', 1)[0];
  log.error({ err: error, method: request.method, url }, 'HTTP request failed');
  return refused(reply, new ApiError(500, 'Internal Server Error', 'see the log of the broker'));
}

function statusOf(error: unknown): number {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return 500;
  return typeof error.statusCode === 'number' ? error.statusCode : 500;
}
