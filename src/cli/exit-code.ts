/** Exit codes of all commands: sysexits(3), which rabbitmqctl follows too. */
export const ExitCode = {
  Ok: 0,
  /** Something failed that has no code of its own. */
  Failure: 1,
  /** The command line is wrong. */
  Usage: 64,
  /** Input data is wrong, a file cannot be read or written; messages were lost. */
  Data: 65,
  /** No such user, or the login was refused. */
  NoUser: 67,
  /** A broker cannot be reached, or a port is taken. */
  Unavailable: 69,
  /** What is to be added is there already. */
  Software: 70,
  /** A file or directory cannot be made or written. */
  CannotCreate: 73,
  /** The broker has not answered in time. */
  TimedOut: 75,
  /** The operating system lets somebody else do that. */
  NoPermission: 77,
  /** The configuration file or the environment is wrong. */
  Config: 78,
  /** Somebody has stopped it with Ctrl-C, as shells have it. */
  Interrupted: 130,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** Ends a command with one line on standard error. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode = ExitCode.Failure) {
    super(message);
    this.exitCode = exitCode;
  }
}
