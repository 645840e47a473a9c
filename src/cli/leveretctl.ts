#!/usr/bin/env node
import { ctl } from './ctl/ctl.ts';
import { ExitCode } from './exit-code.ts';
import { runCommand } from './run-command.ts';

// Whoever reads has had enough: `leveretctl tail orders | head -1`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(ExitCode.Ok);
});

await runCommand('leveretctl', async (setExitCode) => {
  setExitCode(await ctl(process.argv.slice(2), (text) => process.stdout.write(text)));
});
