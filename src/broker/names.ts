import { AmqpError, ReplyCode } from '../protocol/errors.ts';

/** What a name belongs to, as error texts call it. */
export type ResourceKind = 'queue' | 'exchange';

/** The virtual host that exists from the start. */
export const defaultVirtualHost = '/';

/** Names that start so are the broker's own; clients may use them but not create them. */
const reservedPrefix = 'amq.';

/** Random bytes in a generated name: 22 characters of base64url. */
const generatedNameBytes = 16;

/** A name nobody else has: the prefix and 22 random characters. */
export function generatedName(prefix: 'amq.gen-' | 'amq.ctag-'): string {
  const bytes = crypto.getRandomValues(new Uint8Array(generatedNameBytes));
  return prefix + Buffer.from(bytes).toString('base64url');
}

/** RabbitMQ drops CR and LF from the names of queues and exchanges without a word (but not on publish). */
export function stripLineBreaks(name: string): string {
  return /[\r\n]/.test(name) ? name.replace(/[\r\n]/g, '') : name;
}

/** Whether only the broker may create something of this name. */
export function isReserved(name: string): boolean {
  return name.startsWith(reservedPrefix);
}

/** @throws AmqpError 403 for the name of something new that only the broker may create */
export function checkNotReserved(kind: ResourceKind, name: string): void {
  if (!isReserved(name)) return;
  const text = `${kind} name '${name}' contains reserved prefix '${reservedPrefix}*'`;
  throw new AmqpError(ReplyCode.AccessRefused, text);
}

/** `queue 'q' in vhost '/'`, as RabbitMQ's error texts name things. */
export function describe(kind: ResourceKind, name: string, vhost: string): string {
  return `${kind} '${name}' in vhost '${vhost}'`;
}
