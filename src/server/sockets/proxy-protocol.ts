import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import type { Ends } from './transport.ts';

/**
 * The header a proxy puts before what the client sends, so that the broker knows who the client is
 * (HAProxy, "The PROXY protocol", versions 1 and 2).
 */
export interface ProxyHeader {
  /** Bytes it takes. */
  readonly length: number;
  /** `undefined`: the proxy speaks for itself, as in a health check, or does not know. */
  readonly ends: Ends | undefined;
}

/** Bytes that are no PROXY header. The message says what is wrong with them. */
export class ProxyHeaderError extends Error {
  override readonly name = 'ProxyHeaderError';
}

/** With its line end; the specification's own limit. */
const textBytesMax = 107;
/** Of version 2, with its extensions; addresses take 216 at most. */
const binaryBytesMax = 4096;

const textStart = Buffer.from('PROXY ');
const binarySignature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const binaryPrefixBytes = 16;

/**
 * Reads the header at the start of `bytes`; `undefined` while it is not there as a whole, which is less than 4 KiB.
 *
 * @throws ProxyHeaderError as soon as it cannot become one
 */
export function readProxyHeader(bytes: Buffer): ProxyHeader | undefined {
  if (startsLike(bytes, binarySignature)) return readBinary(bytes);
  if (startsLike(bytes, textStart)) return readText(bytes);
  throw new ProxyHeaderError('it does not begin as one');
}

/** As far as there are bytes. */
function startsLike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.subarray(0, length).equals(start.subarray(0, length));
}

/** `PROXY TCP4 192.0.2.1 198.51.100.7 56324 5672` and a line end. */
function readText(bytes: Buffer): ProxyHeader | undefined {
  const end = bytes.indexOf('\r\n');
  if (end === -1 || end + 2 > textBytesMax) {
    if (bytes.length >= textBytesMax) throw new ProxyHeaderError(`no line end in ${textBytesMax} bytes`);
    return undefined;
  }
  const length = end + 2;
  const line = bytes.toString('latin1', 0, end);
  const [, family, ...fields] = line.split(' ');
  if (family === 'UNKNOWN') return { length, ends: undefined };
  const [peerHost = '', host = '', peerPort = '', ownPort = ''] = fields;
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : undefined;
  if (isAddress === undefined || fields.length !== 4) {
    throw new ProxyHeaderError('it is neither TCP4, TCP6 nor UNKNOWN, with two addresses and two ports');
  }
  if (!isAddress(peerHost) || !isAddress(host)) {
    throw new ProxyHeaderError(`it has something else in the place of a ${family} address`);
  }
  return { length, ends: { peerHost, peerPort: port(peerPort), host, port: port(ownPort) } };
}

function port(text: string): number {
  const value = /^(0|[1-9]\d{0,4})$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= 65_535)) throw new ProxyHeaderError('it has something else in the place of a port');
  return value;
}

/** Commands (low four bits of the 13th byte; the high four are the version). */
const commandLocal = 0x20;
const commandProxy = 0x21;
/** Address families (high four bits of the 14th byte; what the low four say is not our business). */
const familyIPv4 = 1;
const familyIPv6 = 2;

function readBinary(bytes: Buffer): ProxyHeader | undefined {
  if (bytes.length < binaryPrefixBytes) return undefined;
  const command = bytes[12];
  const family = (bytes[13] ?? 0) >> 4;
  const length = binaryPrefixBytes + bytes.readUInt16BE(14);
  if (length > binaryBytesMax) {
    throw new ProxyHeaderError(`it is ${length} bytes long (at most ${binaryBytesMax} are taken)`);
  }
  if (command !== commandLocal && command !== commandProxy) {
    throw new ProxyHeaderError('it is neither version 2 LOCAL nor version 2 PROXY');
  }
  if (bytes.length < length) return undefined;
  const addressBytes = family === familyIPv4 ? 4 : family === familyIPv6 ? 16 : 0;
  if (command === commandLocal || addressBytes === 0) return { length, ends: undefined };
  const portsStart = binaryPrefixBytes + 2 * addressBytes;
  if (length < portsStart + 4) throw new ProxyHeaderError('it is too short for its addresses');
  const address = (start: number) => formatAddress(bytes.subarray(start, start + addressBytes));
  return {
    length,
    ends: {
      peerHost: address(binaryPrefixBytes),
      peerPort: bytes.readUInt16BE(portsStart),
      host: address(binaryPrefixBytes + addressBytes),
      port: bytes.readUInt16BE(portsStart + 2),
    },
  };
}

function formatAddress(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16));
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}
