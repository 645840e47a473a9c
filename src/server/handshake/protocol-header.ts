import { protocolHeader } from '../../protocol/frame-reader.ts';

/** AMQP 0-9, whose clients speak 0-9-1 well enough. */
const version09 = Buffer.from('AMQP\x01\x01\x00\x09', 'latin1');

export const protocolHeaderBytes = protocolHeader.length;

/** Whether the first bytes of a connection ask for AMQP 0-9-1. */
export function isProtocolHeader(bytes: Buffer): boolean {
  return protocolHeader.equals(bytes) || version09.equals(bytes);
}

/** What somebody who did not ask for AMQP 0-9-1 seems to speak, for the log. */
export function describeProtocol(bytes: Buffer): string {
  if (bytes[0] === 0x16 && bytes[1] === 0x03) return 'TLS, on a port without TLS';
  const text = bytes.toString('latin1');
  if (/^(GET|PUT|POST|HEAD|DELETE|OPTIONS) |^(CONNECT|PATCH)/.test(text)) {
    return 'HTTP, on the port for AMQP';
  }
  if (text.startsWith('AMQP')) return `AMQP version ${[...bytes.subarray(4, 8)].join(' ')}`;
  return `no AMQP (first bytes: ${bytes.toString('hex')})`;
}
