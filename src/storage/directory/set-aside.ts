import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { flushDirectory } from './data-directory.ts';

/** Where an operator puts a file to go on without it. */
export function asidePath(path: string): string {
  return `${path}.damaged`;
}

/** The first of these names that is free: a file of the same number may have been set aside before. */
export function freeName(wanted: string, isFree = (path: string) => !existsSync(path)): string {
  let name = wanted;
  for (let i = 2; !isFree(name); i++) name = `${wanted}.${i}`;
  return name;
}

/** Gives a file that is damaged another name, which it returns. */
export async function setAside(path: string): Promise<string> {
  const aside = freeName(asidePath(path));
  await rename(path, aside);
  await flushDirectory(dirname(path));
  return aside;
}
