import { expect, it } from 'vitest';
import { ByteWriter } from '../../src/protocol/byte-writer.ts';
import { MethodId } from '../../src/protocol/methods.ts';
import { writeContentHeaderStart } from '../../src/protocol/properties.ts';
import { ContentAssembler } from '../../src/server/publishing/content.ts';
import { methodFrame } from './raw-client.ts';

const methodStart = 11;
const pieceBytes = 1000;

/** A message of one channel, handed over piece by piece. */
class Incoming {
  readonly body: Buffer;
  readonly #content: ContentAssembler;
  #sent = 0;

  constructor(content: ContentAssembler, fill: string, size: number) {
    this.#content = content;
    this.body = Buffer.alloc(size, fill);
    const flags = { mandatory: false, immediate: false };
    const publish = methodFrame(1, {
      id: MethodId.BasicPublish,
      exchange: '',
      routingKey: fill,
      ...flags,
    });
    content.publish(publish, methodStart, publish.length - 1);
    const header = new ByteWriter();
    writeContentHeaderStart(header, size);
    const bytes = Buffer.concat([header.bytes(), Buffer.alloc(2)]);
    content.header(bytes, 0, bytes.length);
  }

  /** True when that was the last piece. */
  next(): boolean {
    const piece = Buffer.from(this.body.subarray(this.#sent, this.#sent + pieceBytes));
    this.#sent += piece.length;
    return this.#content.body(piece, 0, piece.length);
  }
}

it('messages that come in pieces on several channels stay apart, whatever buffers are used again', () => {
  const contents = [new ContentAssembler(1e6), new ContentAssembler(1e6), new ContentAssembler(1e6)];
  const kept: Buffer[] = [];
  for (let round = 0; round < 3; round++) {
    const letters = ['a', 'b', 'c'].map((letter) => `${letter}${round}`);
    const messages = contents.map(
      (content, i) => new Incoming(content, letters[i] ?? '', 20_000 + 7_000 * i),
    );
    const open = new Set(messages);
    while (open.size > 0) {
      for (const message of open) {
        if (!message.next()) continue;
        open.delete(message);
        const content = contents[messages.indexOf(message)];
        expect(content?.message.body.equals(message.body)).toBe(true);
        const copy = content?.message.copy();
        if (copy !== undefined) kept.push(copy.body);
        content?.letGo();
      }
    }
  }
  const fills = kept.map((body) => [...new Set(body)].map((byte) => String.fromCharCode(byte)).join(''));
  expect(fills.sort()).toEqual(['a0', 'a1', 'a2', 'b0', 'b1', 'b2', 'c0', 'c1', 'c2']);
});

it('a message has the routing key it came with, however many there are', () => {
  const content = new ContentAssembler(1e6);
  const keys = Array.from({ length: 4500 }, (_, i) => `key.${i}`);
  const flags = { mandatory: false, immediate: false };
  const publishes = keys.map((routingKey) =>
    methodFrame(1, { id: MethodId.BasicPublish, exchange: 'spread', routingKey, ...flags }),
  );
  for (let round = 0; round < 2; round++) {
    const found = publishes.map((publish) => {
      content.publish(publish, methodStart, publish.length - 1);
      return content.message.routingKey;
    });
    expect(found).toEqual(keys);
  }
});
