#!/usr/bin/env node
// Everybody on the machine can list the arguments of a process, and a password may be one of them: a title takes their
// place, before the rest of the program is loaded.
process.title = 'leveretctl';

const [{ ctl }, { ExitCode }, { runCommand }] = await Promise.all([
  import('./ctl/ctl.ts'),
  import('./exit-code.ts'),
  import('./run-command.ts'),
]);

// Whoever reads has had enough: `leveretctl tail orders | head -1`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(ExitCode.Ok);
});

await runCommand('leveretctl', async (setExitCode) => {
  setExitCode(await ctl(process.argv.slice(2), (text) => process.stdout.write(text)));
});

export {};
