import { Socket } from 'node:net';

/** All sockets are read into the same memory, one after the other. */
const memory = Buffer.allocUnsafeSlow(512 * 1024);

const chunks = {
  /** What comes in must not be much more than what goes out meanwhile. */
  usual: memory.subarray(0, 64 * 1024),
  /** Spread over many connections, so that each of them is written several messages at once. */
  large: memory.subarray(0, 256 * 1024),
  /** Large messages cost the less the more of them is read at once. */
  largest: memory,
};

/** How much is read at once at most. */
export type ChunkSize = keyof typeof chunks;

/** Where Node.js keeps what a client's `onread` option says; sockets that a server accepts have no such option. */
const names = new Map(Object.getOwnPropertySymbols(new Socket()).map((key) => [key.description, key]));
const keys = [names.get('kBuffer'), names.get('kBufferGen'), names.get('kBufferCb')] as const;

/** Who reads. */
export interface Reader {
  /** What it pays to read at once next. */
  readonly wanted: ChunkSize;
  /** The chunk is good until this returns; it is full when more may have arrived. */
  received(chunk: Buffer, isFull: boolean): void;
}

/**
 * Hands out what a TCP socket receives without memory of its own for each chunk, as the option `onread` does for
 * sockets that connect. False, and nothing is done: this version of Node.js has it under other names.
 */
export function readShared(socket: Socket, reader: Reader): boolean {
  const [buffer, next, received] = keys;
  const handle: unknown = Reflect.get(socket, '_handle');
  if (buffer === undefined || next === undefined || received === undefined) return false;
  if (typeof handle !== 'object' || handle === null) return false;
  const useUserBuffer: unknown = Reflect.get(handle, 'useUserBuffer');
  if (typeof useUserBuffer !== 'function') return false;
  if (!hasFields(socket, buffer)) return false;
  socket[buffer] = chunks.usual;
  socket[next] = () => chunks[reader.wanted];
  socket[received] = (bytes: number, into: Buffer) => {
    reader.received(into.subarray(0, bytes), bytes === into.length);
    return true;
  };
  Reflect.apply(useUserBuffer, handle, [chunks.usual]);
  return true;
}

/** Assignments by type: `Reflect.set` takes several times as long, for each connection. */
function hasFields(socket: object, key: symbol): socket is Record<symbol, unknown> {
  return key in socket;
}
