import type { X509Certificate } from 'node:crypto';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { type Reader, readShared } from './read-buffer.ts';

/** What a connection reads from and writes to. A socket is one, with TLS and without. */
export type ByteStream = Duplex & { readonly bytesRead: number; readonly bytesWritten: number };

/** Where a client has come to. */
export interface LocalEnd {
  readonly host: string;
  readonly port: number;
}

/** Both ends of a connection. Behind a proxy that says so they are those of the client's connection to it. */
export interface Ends extends LocalEnd {
  /** The client's address, IPv4 written as such. */
  readonly peerHost: string;
  readonly peerPort: number;
}

/** What TLS has found out about the client. */
export interface TlsPeer {
  /** Such as `TLSv1.3`. */
  readonly version: string;
  /** Such as `TLS_AES_256_GCM_SHA384`. */
  readonly cipher: string;
  /** Signed by an authority that is trusted, and not expired. None: the client has none, or was not asked. */
  readonly certificate: X509Certificate | undefined;
}

/** One client's way in. */
export interface Transport {
  readonly stream: ByteStream;
  readonly ends: Ends;
  /** `undefined`: no TLS. */
  readonly tls: TlsPeer | undefined;
  /** Hands what arrives to `reader` from now on. */
  read(reader: Reader): void;
  /** Ends the connection without a word. Where there is TCP underneath the client sees a reset. */
  reset(): void;
}

/** What libuv reads into. */
const tcpChunkBytes = 64 * 1024;
/** A TLS record (RFC 8446, section 5.1). */
const tlsChunkBytes = 16 * 1024;

/** Reads a stream in chunks, full when they have `wholeChunkBytes`. */
export function readChunks(stream: ByteStream, wholeChunkBytes: number, reader: Reader): void {
  stream.on('data', (chunk: Buffer) => reader.received(chunk, chunk.length >= wholeChunkBytes));
}

/** A plain TCP socket; `ends` may be those that a proxy's header names. */
export function tcpTransport(socket: Socket, ends: Ends): Transport {
  return {
    stream: socket,
    ends,
    tls: undefined,
    read: (reader) => {
      // Behind a proxy's header, bytes may lie in the stream already.
      const isShared = !socket.readableDidRead && readShared(socket, reader);
      if (!isShared) readChunks(socket, tcpChunkBytes, reader);
    },
    reset: () => socket.resetAndDestroy(),
  };
}

/** `raw` is the TCP socket that the TLS one was made of. */
export function tlsTransport(socket: TLSSocket, raw: Socket, ends: Ends): Transport {
  return {
    stream: socket,
    ends,
    tls: tlsPeer(socket),
    read: (reader) => readChunks(socket, tlsChunkBytes, reader),
    reset: () => raw.resetAndDestroy(),
  };
}

/** What the handshake of TLS has agreed on. The certificate is there only if an authority vouches for it. */
export function tlsPeer(socket: TLSSocket): TlsPeer {
  return {
    version: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher().standardName,
    certificate: socket.authorized ? socket.getPeerX509Certificate() : undefined,
  };
}

/** The ends of a socket, to be kept: a closed one has forgotten them. */
export function endsOf(socket: Socket, { host, port } = localEndOf(socket)): Ends {
  return { peerHost: plainAddress(socket.remoteAddress), peerPort: socket.remotePort ?? 0, host, port };
}

function localEndOf({ localAddress, localPort }: Socket): LocalEnd {
  return { host: plainAddress(localAddress), port: localPort ?? 0 };
}

/** Where all come to whom this server accepts; `undefined` where it listens on every address of the machine. */
export function onlyEndOf({ address, port }: AddressInfo): LocalEnd | undefined {
  return address === '::' || address === '0.0.0.0' ? undefined : { host: plainAddress(address), port };
}

/** As the operating system writes it (RFC 5952, section 5). */
const mappedPrefix = '::ffff:';

/** IPv4 clients of an IPv6 socket appear with their IPv4 addresses. */
function plainAddress(address: string | undefined): string {
  if (address === undefined) return 'undefined';
  return address.startsWith(mappedPrefix) ? address.slice(mappedPrefix.length) : address;
}

/** `client address -> broker address`, as in RabbitMQ's log and listings. */
export function connectionName({ peerHost, peerPort, host, port }: Ends): string {
  return `${peerHost}:${peerPort} -> ${host}:${port}`;
}
