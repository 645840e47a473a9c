import { execFileSync } from 'node:child_process';
import { newDirectory } from '../storage/support.ts';

/** A file system of a known size takes root, and a container may still forbid it. */
function canMount(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  const target = newDirectory();
  try {
    mountDisk(target, 2 ** 20);
    unmountDisk(target);
    return true;
  } catch {
    return false;
  }
}

export function mountDisk(directory: string, bytes: number): void {
  mount('-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', directory);
}

/** Gives it another size, or other rights. */
export function remountDisk(directory: string, options: string): void {
  mount('-o', `remount,${options}`, directory);
}

export function unmountDisk(directory: string): void {
  execFileSync('umount', ['-l', directory], { stdio: 'ignore' });
}

function mount(...args: readonly string[]): void {
  execFileSync('mount', args, { stdio: 'ignore' });
}

export const mayMount = canMount();
