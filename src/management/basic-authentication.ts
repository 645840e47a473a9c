import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Authenticate } from './view.ts';

/** Any of these tags opens the HTTP API (RabbitMQ page "Management Plugin", "Access and Permissions"). */
const managementTags: ReadonlySet<string> = new Set([
  'administrator',
  'management',
  'monitoring',
  'policymaker',
]);

const challenge = 'Basic realm="Leveret Management"';

/** A hook that lets only users with a management tag pass, with RabbitMQ's answers to the others. */
export function requireManagementUser(
  authenticate: Authenticate,
): (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply | undefined> {
  return async (request, reply) => {
    const login = basicLogin(request.headers.authorization);
    if (login === undefined) return reply.code(401).header('www-authenticate', challenge).send();
    const principal = await authenticate(login.username, login.password, request.ip);
    if (principal === undefined) {
      return reply
        .code(401)
        .header('www-authenticate', challenge)
        .send({ error: 'not_authorized', reason: 'Login failed' });
    }
    if (!principal.tags.some((tag) => managementTags.has(tag))) {
      return reply.code(401).send({ error: 'not_authorised', reason: 'Not management user' });
    }
    return undefined;
  };
}

/** Name and password of an `Authorization: Basic` header (RFC 7617). */
function basicLogin(header: string | undefined): { username: string; password: string } | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(header ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const decoded = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  return colon < 0 ? undefined : { username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}
