import { open } from 'node:fs/promises';

/** The value of an entry that is read piece by piece. */
export interface OpenValue {
  /** Fills `piece` with what is there from offset `from` of the value on. False when that is not enough. */
  read(piece: Buffer, from: number): Promise<boolean>;
  close(): Promise<void>;
}

/** Opens a value that begins at offset `at` of a file, by a descriptor of its own: the file may be deleted meanwhile. */
export async function openValueIn(path: string, at: number): Promise<OpenValue> {
  const file = await open(path, 'r');
  return {
    read: async (piece, from) => {
      const { bytesRead } = await file.read(piece, 0, piece.length, at + from);
      return bytesRead === piece.length;
    },
    close: () => file.close(),
  };
}
