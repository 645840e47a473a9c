import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = new URL('../', import.meta.url);

/**
 * Before all tests: builds what has changed, so that those which start a process start `dist`. From source each start
 * takes three times as long, and there are a hundred of them. Mistakes in types are shown, and left to `typecheck`.
 */
export default function build(): void {
  const compiler = fileURLToPath(new URL('node_modules/typescript/bin/tsc', root));
  const args = [compiler, '-p', 'tsconfig.build.json'];
  const { error } = spawnSync(process.execPath, args, { cwd: fileURLToPath(root), stdio: 'inherit' });
  if (error !== undefined) throw error;
}

/** The file of a program, for `node`. */
export function builtProgram(name: 'leveret' | 'leveretctl'): string {
  return fileURLToPath(new URL(`dist/cli/${name}.js`, root));
}
