/** The management API of the broker under test: CONFORMANCE_MANAGEMENT_URL, else Leveret's inside this process. */

import { brokerAvailable, embeddedBroker } from '../harness/broker.ts';

const givenUrl = process.env['CONFORMANCE_MANAGEMENT_URL'];

/** False when the broker under test is somebody else's and its management API is not known. */
export const managementAvailable =
  brokerAvailable && (givenUrl !== undefined || process.env['AMQP_URL'] === undefined);

export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE' | 'HEAD' | 'OPTIONS' | 'PATCH';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Undefined where there is none. */
  readonly body: unknown;
}

/** Without a path. */
export function managementUrl(): string {
  if (givenUrl !== undefined) return new URL(givenUrl).origin;
  const port = embeddedBroker()?.managementPort;
  if (port === undefined) throw new Error('the broker serves no management API');
  return `http://127.0.0.1:${port}`;
}

/** Sends a request; `login` is `user:password`, or empty for none. */
export async function request(
  method: Method,
  path: string,
  body?: unknown,
  login = 'guest:guest',
): Promise<Answer> {
  const response = await fetch(`${managementUrl()}${path}`, {
    method,
    headers: {
      ...(login !== '' && { authorization: `Basic ${Buffer.from(login).toString('base64')}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false;
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: isJson && text !== '' ? JSON.parse(text) : undefined,
  };
}
