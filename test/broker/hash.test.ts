import { expect, it } from 'vitest';
import { hashBytes, newHash } from '../../src/broker/hash.ts';

function hashOf(text: string, padding = 0): string {
  const buffer = Buffer.from(`${'#'.repeat(padding)}${text}${'#'.repeat(padding)}`);
  const hash = newHash();
  hashBytes(buffer, padding, buffer.length - padding, hash);
  return [...hash].map((word) => word.toString(16).padStart(8, '0')).join('');
}

it('is MurmurHash3_x86_128', () => {
  expect(hashOf('The quick brown fox jumps over the lazy dog')).toBe('2f1583c3ecee2c675d7bf66ce5e91d2c');
  expect(hashOf('')).toBe('0'.repeat(32));
});

it('looks at nothing outside its range, and at every byte inside', () => {
  const text = 'abcdefghijklmnopqrstuvwxyz0123456789';
  const seen = new Set<string>();
  for (let length = 0; length <= text.length; length++) {
    const part = text.slice(0, length);
    expect(hashOf(part, 3)).toBe(hashOf(part));
    seen.add(hashOf(part));
    for (let i = 0; i < length; i++) seen.add(hashOf(`${part.slice(0, i)}!${part.slice(i + 1)}`));
  }
  expect(seen.size).toBe(text.length + 1 + (text.length * (text.length + 1)) / 2);
});
