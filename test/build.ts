import { execFileSync } from 'node:child_process';

/** Before all tests: builds the programs that some of them start. Takes a second when they are up to date. */
export default function build(): void {
  execFileSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' });
}
