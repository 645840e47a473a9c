/** No more is written at once. */
const memoryBytes = 2 * 2 ** 20;

/** As many are kept as there are writes at the same time, mostly: commits, the mark behind another file. */
const keptMax = 4;

const free: Buffer[] = [];

/**
 * Hands out parts end to end, in pieces that begin where a page of memory does: the disk reads them from there, without a
 * copy of the kernel's. A piece is good until the next one is asked for.
 */
export function* inPages(parts: readonly Buffer[]): Generator<Buffer> {
  const memory = free.pop() ?? newMemory();
  try {
    let used = 0;
    for (const part of parts) {
      for (let from = 0; from < part.length; ) {
        const some = part.subarray(from, from + memory.length - used);
        memory.set(some, used);
        used += some.length;
        from += some.length;
        if (used < memory.length) continue;
        yield memory;
        used = 0;
      }
    }
    if (used > 0) yield memory.subarray(0, used);
  } finally {
    if (free.length < keptMax) free.push(memory);
  }
}

/** Only a buffer that could grow begins with a page. It takes what is written to of it. */
function newMemory(): Buffer {
  return Buffer.from(new ArrayBuffer(memoryBytes, { maxByteLength: memoryBytes }), 0, memoryBytes);
}
