import { usageError } from '../flags.ts';

/** Where and as whom to connect. */
export interface BrokerUri {
  readonly tls: boolean;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly vhost: string;
}

/**
 * Reads `amqp[s]://user:password@host:port/vhost` (RabbitMQ page "URI Specification"). What is missing is
 * guest, guest, localhost, 5672 or 5671, and the virtual host `/`.
 *
 * @throws CommandError when it is no such URI; the message does not show it, it may hold a password.
 */
export function parseBrokerUri(uri: string): BrokerUri {
  let url: URL;
  try {
    url = new URL(uri);
  } catch {
    throw usageError('--uri: not a URI such as amqp://user:password@host:5672/vhost');
  }
  if (url.protocol !== 'amqp:' && url.protocol !== 'amqps:') {
    throw usageError(`--uri: ${url.protocol}// is neither amqp:// nor amqps://`);
  }
  const tls = url.protocol === 'amqps:';
  const path = url.pathname.slice(1);
  return {
    tls,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1') || 'localhost',
    port: url.port === '' ? (tls ? 5671 : 5672) : Number(url.port),
    user: decoded(url.username) || 'guest',
    password: decoded(url.password) || 'guest',
    vhost: path === '' ? '/' : decoded(path),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw usageError('--uri: a % that is not followed by two hexadecimal digits');
  }
}
