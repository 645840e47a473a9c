/** Long bodies now and then; the same for a number whoever writes it. */
export function bodyOf(number: number): Buffer {
  const bytes = number % 97 === 0 ? 60_000 : 20 + ((number * 7) % 300);
  return Buffer.alloc(bytes, `${number}:`);
}

/** @throws Error when the body is not what was published. */
export function numberOf(body: Buffer): number {
  const number = Number(body.toString('latin1', 0, 20).split(':', 1)[0]);
  if (!body.equals(bodyOf(number))) throw new Error(`message ${number} has a wrong body`);
  return number;
}
