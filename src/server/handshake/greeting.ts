import { ByteWriter } from '../../protocol/byte-writer.ts';
import { encodeMethod, MethodId } from '../../protocol/methods.ts';
import type { ServerSettings } from '../settings.ts';
import { serverProperties } from './server-properties.ts';

/** connection.start, which is the same for all clients that are offered the same mechanisms: encoded once for each. */
export class Greeting {
  readonly #settings: ServerSettings;
  readonly #encoded = new Map<string, Buffer>();

  constructor(settings: ServerSettings) {
    this.#settings = settings;
  }

  /** The method's id and arguments; `mechanisms` is a list with spaces between. */
  encoded(mechanisms: string): Buffer {
    const known = this.#encoded.get(mechanisms);
    if (known !== undefined) return known;
    const writer = new ByteWriter();
    encodeMethod(writer, {
      id: MethodId.ConnectionStart,
      versionMajor: 0,
      versionMinor: 9,
      serverProperties: serverProperties(this.#settings),
      mechanisms: Buffer.from(mechanisms),
      locales: Buffer.from('en_US'),
    });
    const bytes = Buffer.from(writer.bytes());
    this.#encoded.set(mechanisms, bytes);
    return bytes;
  }
}
