const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** Mostly short, now and then empty, long, or several MiB; the same for a number whoever asks. */
function sizeOf(number: number): number {
  if (number % 1013 === 0) return mebibyte + ((number * 7919) % (3 * mebibyte));
  if (number % 97 === 0) return 20 * kibibyte + ((number * 31) % (200 * kibibyte));
  if (number % 31 === 0) return 0;
  return 20 + ((number * 7) % 1500);
}

export function bodyOf(number: number): Buffer {
  return Buffer.alloc(sizeOf(number), `${number}:`);
}

/** @throws Error when the body is not that of the number. */
export function checkBody(number: number, body: Buffer): void {
  if (!body.equals(bodyOf(number))) throw new Error(`message ${number} has a wrong body`);
}
